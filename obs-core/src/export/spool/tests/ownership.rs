//! Files are private, and what is not ours is neither followed nor removed.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;

use super::support::{Account, Dir, Running, body};
use crate::export::spool::purge;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn folders_and_files_are_for_their_user_only() {
    let dir = Dir::new();
    let spool = dir.path().join("data/spool");
    let running = Running::start(&spool);
    running.leave("secret");
    running.sweep();
    let folder = fs::read_dir(&spool)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    for path in [&spool, &folder] {
        assert_eq!(mode(path), 0o700, "{}", path.display());
    }
    running.close();
    let files = fs::read_dir(&folder).unwrap();
    let files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 3, "the lock, the records, and that it ended");
    for path in files {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn a_directory_that_others_may_write_to_is_used() {
    let dir = Dir::new();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let running = Running::start(dir.path());
    running.leave("one");
    assert_eq!(mode(&dir.folders()[0]), 0o700);
    assert_eq!(mode(dir.path()), 0o777);
    assert_eq!(running.close(), [""; 0]);
}

#[test]
fn a_directory_that_is_a_link_is_refused() {
    let dir = Dir::new();
    let (real, link) = (dir.path().join("real"), dir.path().join("link"));
    fs::create_dir(&real).unwrap();
    symlink(&real, &link).unwrap();
    for path in [link.clone(), link.join("")] {
        let running = Running::start(&path);
        assert!(running.try_store(body(&["one"])).is_err());
        assert!(running.message().contains("symbolic link"));
        running.close();
    }
    assert_eq!(fs::read_dir(&real).unwrap().count(), 0);
}

#[test]
fn folders_and_files_that_are_links_are_not_followed() {
    let (dir, other) = (Dir::new(), Dir::new());
    let running = Running::start(other.path());
    running.leave("elsewhere");
    running.close();
    let (folder, file) = (other.folders().remove(0), other.files().remove(0));
    let before = fs::read(&file).unwrap();
    // A folder that is a link.
    symlink(&folder, dir.path().join(folder.file_name().unwrap())).unwrap();
    // A real folder with a file that is a link.
    let name = "1700000000000-1-0123456789abcdef";
    dir.plant(name, b"");
    let link = dir.path().join(name).join("logs-00000002.spool");
    symlink(&file, &link).unwrap();
    // A real folder whose lock is a link.
    let locked = dir.path().join("1700000000000-2-0123456789abcdef");
    fs::create_dir(&locked).unwrap();
    symlink(&file, locked.join("lock")).unwrap();

    let running = Running::start(dir.path());
    assert_eq!(running.account(), Account::default());
    assert!(running.lease().is_none());
    running.close();
    assert!(link.is_symlink() && locked.is_dir());
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn folders_and_files_of_another_user_are_left_alone() {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    running.leave("one");
    running.close();
    let (folder, file) = (dir.folders().remove(0), dir.files().remove(0));
    // Only the administrator may give files away.
    if chown(&file, Some(12_345), None).is_err() {
        return;
    }
    let look = || {
        let next = Running::start(dir.path());
        assert_eq!(next.account(), Account::default());
        assert!(next.lease().is_none());
        next.close();
    };
    look();
    chown(&folder, Some(12_345), None).unwrap();
    chown(&file, Some(0), None).unwrap();
    look();
    assert_eq!(purge(dir.path()).unwrap().folders, 0);
    assert!(file.is_file());
    chown(&folder, Some(0), None).unwrap();
    assert_eq!(Running::start(dir.path()).send_all(), ["one"]);
}

#[test]
fn what_looks_different_is_left_alone() {
    let dir = Dir::new();
    let note = dir.path().join("README");
    fs::write(&note, "keep").unwrap();
    let folder = dir.path().join("1700000000000-1-backup");
    fs::create_dir(&folder).unwrap();
    let name = "1700000000000-1-0123456789abcdef";
    dir.plant(name, b"");
    let inside = dir.path().join(name).join("notes.txt");
    fs::write(&inside, "keep").unwrap();
    let running = Running::start(dir.path());
    running.sweep();
    running.close();
    assert!(note.is_file() && folder.is_dir() && inside.is_file());
}
