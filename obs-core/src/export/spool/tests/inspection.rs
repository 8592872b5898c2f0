//! What lies in a directory can be seen, and thrown away where nobody uses it.

use std::fs;
use std::io;

use super::support::{Dir, HERE, Running, body};
use crate::export::spool::{inspect, purge};

#[test]
fn an_inspection_shows_who_left_what() {
    let dir = Dir::new();
    assert_eq!(
        inspect(dir.path()).unwrap().to_string(),
        "the spool is empty\n"
    );
    let killed = Running::start(dir.path());
    killed.store(body(&["one", "two"]));
    killed.leave("three");
    killed.kill();
    let shown = inspect(dir.path()).unwrap();
    let folder = &shown.folders[0];
    assert!(!folder.in_use && !folder.ended_cleanly);
    let contents = &folder.contents[0];
    assert_eq!((contents.signal, &*contents.destination), ("logs", HERE));
    assert_eq!((contents.records, contents.damaged), (3, 0));
    assert_eq!(contents.bytes, fs::metadata(&dir.files()[0]).unwrap().len());
    assert!(contents.oldest.is_some());

    let live = Running::start(dir.path());
    live.sweep();
    let text = inspect(dir.path()).unwrap().to_string();
    assert_eq!(text.matches(": in use\n").count(), 2, "{text}");
    assert!(text.contains("  nothing waits\n"), "{text}");
    assert!(
        text.contains(&format!("  logs for {HERE}: 3 records wait in ")),
        "{text}"
    );
    live.close();
    let text = inspect(dir.path()).unwrap().to_string();
    assert!(
        text.contains(": left by a process that was shut down\n"),
        "{text}"
    );
}

#[test]
fn a_purge_deletes_what_nobody_uses_and_nothing_else() {
    let dir = Dir::new();
    let live = Running::start(dir.path());
    live.leave("kept");
    let killed = Running::start(dir.path());
    killed.store(body(&["one", "two"]));
    killed.kill();
    let note = dir.path().join("README");
    fs::write(&note, "keep").unwrap();
    let name = "1700000000000-1-0123456789abcdef";
    dir.plant(name, b"damaged");
    fs::write(dir.path().join(name).join("notes.txt"), "keep").unwrap();

    let purged = purge(dir.path()).unwrap();
    assert_eq!((purged.records, purged.folders), (2, 1));
    assert!(purged.bytes > 0);
    assert_eq!(purged.in_use.len(), 1);
    assert_eq!(purged.left, [name]);
    let text = purged.to_string();
    assert!(text.starts_with("deleted 2 records, "), "{text}");
    assert!(text.contains("in use and left: "), "{text}");
    assert!(note.is_file() && dir.path().join(name).join("notes.txt").is_file());
    assert_eq!(live.send_all(), ["kept"]);
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        3,
        "nothing is left of the purge itself"
    );
}

#[test]
fn only_a_real_folder_is_looked_into() {
    let dir = Dir::new();
    let (missing, link) = (dir.path().join("missing"), dir.path().join("link"));
    std::os::unix::fs::symlink(dir.path(), &link).unwrap();
    for (path, kind) in [
        (missing, io::ErrorKind::NotFound),
        (link, io::ErrorKind::InvalidInput),
    ] {
        assert_eq!(inspect(&path).unwrap_err().kind(), kind);
        assert_eq!(purge(&path).unwrap_err().kind(), kind);
    }
}
