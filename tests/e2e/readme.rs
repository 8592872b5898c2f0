//! README's commands do what README says.

use std::{env, fs, path::Path, process::Command, sync::Arc};

use obs_tests::{
    folder::Folder,
    guide::{self, Parts},
    service::{Service, Setup},
    wait,
};

#[test]
fn the_commands_of_the_readme_work() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let readme =
        fs::read_to_string(root.join("README.md")).expect("the repository has a README.md");
    let commands = guide::commands(&readme);
    assert!(
        commands.iter().any(|line| line.contains(SERVE)),
        "README starts the service"
    );
    assert!(
        commands.iter().any(|line| line.starts_with("curl ")),
        "README asks it something"
    );

    let mut reader = Reader::default();
    for line in &commands {
        reader.types(line);
    }
    if let Some(service) = reader.service.take() {
        assert_eq!(service.stop().code, Some(0));
    }
    for skipped in &reader.skipped {
        println!("SKIPPED: {skipped}");
    }
}

/// Somebody who follows a guide: what runs in the first terminal, and where.
struct Reader {
    folder: Arc<Folder>,
    service: Option<Service>,
    skipped: Vec<String>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            folder: Arc::new(Folder::make()),
            service: None,
            skipped: Vec::new(),
        }
    }
}

impl Reader {
    fn types(&mut self, line: &str) {
        let Parts {
            variables, command, ..
        } = guide::parts(line);
        let arguments = command.strip_prefix(SERVE).map(str::trim);
        match arguments.map(|arguments| arguments.strip_prefix("-- ").unwrap_or(arguments)) {
            Some("" | "serve") => self.serves(&variables),
            Some(arguments) => self.runs_program(&variables, arguments),
            None if ELSEWHERE.iter().any(|start| command.starts_with(start)) => {
                self.skipped.push(line.to_owned());
            }
            None => self.runs_in_shell(line),
        }
    }

    /// The port is a free one; data and logs are where the program puts them by itself.
    fn setup(&self, variables: &[(&str, &str)]) -> Setup {
        let setup = Setup::in_folder(Arc::clone(&self.folder))
            .without("DATA_DIR")
            .without("LOG_FILE_PATH")
            .without("HOST");
        variables
            .iter()
            .filter(|(name, _)| *name != "PORT")
            .fold(setup, |setup, (name, value)| setup.var(name, *value))
    }

    fn serves(&mut self, variables: &[(&str, &str)]) {
        // Started anew, it takes the place of the one before.
        if let Some(service) = self.service.take() {
            assert_eq!(service.stop().code, Some(0));
        }
        self.service = Some(self.setup(variables).start());
    }

    fn runs_program(&mut self, variables: &[(&str, &str)], arguments: &str) {
        let corpus = env::var("RECIPE_CORPUS").ok();
        let mut setup = self.setup(variables);
        let mut words = arguments.split_whitespace();
        while let Some(word) = words.next() {
            setup = setup.argument(word);
            if word == "--from" {
                let (Some(_), Some(corpus)) = (words.next(), &corpus) else {
                    self.skipped
                        .push(format!("{arguments} (RECIPE_CORPUS is not set)"));
                    return;
                };
                setup = setup.argument(corpus);
            }
        }
        let ended = setup.run();
        assert_eq!(ended.code, Some(0), "{arguments}: {}", ended.terminal());
    }

    fn runs_in_shell(&self, line: &str) {
        let word = line.split_whitespace().next().unwrap_or_default();
        assert!(
            SHELL.contains(&word),
            "README has a command that is not known here: {line}"
        );
        let service = self.service.as_ref();
        let address = service.map_or_else(String::new, |service| service.address().to_string());
        let line = line
            .replace("127.0.0.1:3001", &address)
            .replace("localhost:3001", &address)
            .replace("curl ", "curl -fsS --max-time 30 ")
            .replace("tail -f", "tail");
        // Nobody types as fast as this: what a command looks for may still be on its way.
        wait::until(&format!("{line} shows something"), || {
            let output = Command::new("sh")
                .args(["-c", &line])
                .current_dir(self.folder.path())
                .output()
                .unwrap();
            (output.status.success() && !output.stdout.trim_ascii().is_empty()).then_some(())
        });
    }
}

const SERVE: &str = "cargo run -p recipe-api";

/// What a test cannot do, because it changes the machine or is this test.
const ELSEWHERE: [&str; 4] = ["tests/run", "cargo add", "git clone", "cd "];

/// What a guide may use besides.
const SHELL: [&str; 7] = ["curl", "grep", "tail", "head", "ls", "cat", "jq"];
