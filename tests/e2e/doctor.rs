//! `recipe-api doctor`: what is in force and what waits, also beside a running service.

use std::sync::Arc;

use obs_core::testing::Receiver;
use obs_tests::{
    folder::Folder,
    service::{Ended, Setup},
    wait,
};

/// A service and its doctor in one folder, and a backend that is away.
struct Patient {
    receiver: Receiver,
    folder: Arc<Folder>,
}

impl Patient {
    fn new() -> Self {
        let receiver = Receiver::start();
        receiver.refuse();
        Self {
            receiver,
            folder: Arc::new(Folder::make()),
        }
    }

    fn setup(&self) -> Setup {
        Setup::in_folder(Arc::clone(&self.folder)).sends_to(&self.receiver)
    }

    fn doctor(&self, options: &[&str]) -> Ended {
        let setup = self.setup().argument("doctor");
        let ended = options
            .iter()
            .fold(setup, |setup, option| setup.argument(*option));
        ended.run()
    }

    /// What the doctor prints, if it is content.
    fn says(&self, options: &[&str]) -> String {
        let ended = self.doctor(options);
        assert_eq!(ended.code, Some(0), "{}", ended.terminal());
        assert_eq!(ended.stderr, "", "nothing is wrong");
        ended.stdout
    }
}

#[test]
fn doctor_sees_what_waits_and_throws_away_what_nobody_uses() {
    let patient = Patient::new();
    let before = patient.says(&[]);
    assert!(before.contains(&patient.receiver.endpoint()), "{before}");
    assert!(before.contains("data/spool\n  nothing"), "{before}");

    let service = patient.setup().start();
    let running = wait::until("records are on disk", || {
        let _answer = service.get("/api/v1/recipes?limit=1");
        let said = patient.says(&[]);
        let waits = said.contains("\n    logs for http://") && said.contains("traces for http://");
        waits.then_some(said)
    });
    assert!(running.contains(": in use"), "{running}");
    let spared = patient.says(&["--purge-spool"]);
    assert!(spared.contains("deleted 0 records"), "{spared}");
    assert!(spared.contains("in use and left"), "{spared}");
    let ended = service.stop();
    assert_eq!(ended.code, Some(0), "{}", ended.terminal());

    let left = patient.says(&[]);
    assert!(
        left.contains("left by a process that was shut down"),
        "{left}"
    );
    let purged = patient.says(&["--purge-spool"]);
    let (_, count) = purged.split_once("deleted ").unwrap();
    assert!(!count.starts_with('0'), "{purged}");
    assert_eq!(patient.receiver.connections(), 0, "nothing was tried");
    let after = patient.says(&[]);
    assert!(after.contains("the spool is empty"), "{after}");
}

#[test]
fn doctor_names_what_is_mistaken() {
    let patient = Patient::new();
    let setup = patient.setup().argument("doctor");
    let ended = setup
        .var("OBS_SPOOL_SIZE", "plenty")
        .var("LOG_LEVEL", "loud")
        .run();
    assert_eq!(ended.code, Some(2), "{}", ended.terminal());
    assert!(ended.stdout.contains("spool: "), "{}", ended.stdout);
    for mistake in ["OBS_SPOOL_SIZE=\"plenty\"", "LOG_LEVEL=\"loud\""] {
        assert!(ended.stderr.contains(mistake), "{}", ended.stderr);
    }
}

#[test]
fn doctor_says_that_there_is_no_spool() {
    let patient = Patient::new();
    let off = || {
        patient
            .setup()
            .var("OBS_SPOOL_DIR", "off")
            .argument("doctor")
    };
    let ended = off().run();
    assert_eq!(ended.code, Some(0), "{}", ended.terminal());
    assert!(!ended.stdout.contains("waiting in"), "{}", ended.stdout);
    let ended = off().argument("--purge-spool").run();
    assert_eq!(ended.code, Some(2), "{}", ended.terminal());
    assert!(ended.stderr.contains("OBS_SPOOL_DIR"), "{}", ended.stderr);
}

#[test]
fn doctor_fails_at_a_folder_that_it_cannot_read() {
    let patient = Patient::new();
    let file = patient.folder.join("a-file");
    std::fs::write(&file, "no folder").unwrap();
    for options in [&[][..], &["--purge-spool"]] {
        let setup = patient
            .setup()
            .var("OBS_SPOOL_DIR", &*file)
            .argument("doctor");
        let setup = options
            .iter()
            .fold(setup, |setup, option| setup.argument(*option));
        let ended = setup.run();
        assert_eq!(ended.code, Some(1), "{}", ended.terminal());
        assert!(ended.stderr.contains("a-file"), "{}", ended.stderr);
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "no folder");
}
