//! Flipped bits and cut files cost the records that they hit, and are counted.

use std::fs;

use super::support::{Account, Dir, PAUSES, Running, Setup, noise};
use crate::export::spool::format::{FileHeader, RecordHeader};

const NAME: &str = "1700000000000-1-0123456789abcdef";

/// A file with three records of one item each, and where each record begins.
fn file_of_three() -> (Vec<u8>, [usize; 3]) {
    let dir = Dir::new();
    let running = Running::start(dir.path());
    let texts = ["one", "two", "three"].map(|name| format!("{name} {}", noise(100)));
    for text in &texts {
        running.leave(text);
    }
    running.sweep();
    let bytes = fs::read(&dir.files()[0]).unwrap();
    running.kill();
    let (header, first) = FileHeader::parse(&bytes).unwrap();
    let starts = bytes.windows(8).enumerate();
    let starts = starts.filter(|(at, bytes)| *at >= first as usize && *bytes == header.marker);
    let starts: Vec<usize> = starts.map(|(at, _)| at).collect();
    (bytes, starts.try_into().unwrap())
}

/// What comes back of a file, by its first words, and what is counted.
fn recover(file: &[u8]) -> (Vec<String>, Account) {
    let dir = Dir::new();
    dir.plant(NAME, file);
    let running = Running::start(dir.path());
    let texts = running.send_all();
    let account = running.account();
    assert!(dir.files().is_empty(), "nothing is of use any more");
    running.kill();
    let words = texts
        .iter()
        .map(|text| text.split(' ').next().unwrap().to_owned());
    (words.collect(), account)
}

#[test]
fn a_flipped_bit_costs_its_record_only() {
    let (file, [first, second, third]) = file_of_three();
    let payload = (second + RecordHeader::LEN..third).step_by(7);
    for at in (second..second + RecordHeader::LEN).chain(payload) {
        let mut flipped = file.clone();
        flipped[at] ^= 1 << (at % 8);
        let (words, account) = recover(&flipped);
        if at >= second + RecordHeader::SENT_AT as usize && at < second + RecordHeader::LEN {
            assert_eq!(words, ["one", "two", "three"]);
            continue;
        }
        assert_eq!(words, ["one", "three"], "{at}");
        assert_eq!((account.recovered, account.corrupt), (3, 1), "{at}");
    }
    for at in (0..first).step_by(5) {
        let mut flipped = file.clone();
        flipped[at] ^= 1 << (at % 8);
        assert_eq!(recover(&flipped).0, ["one", "two", "three"], "{at}");
    }
}

#[test]
fn the_end_of_a_settled_record_is_not_damage() {
    let (mut file, [_, second, _]) = file_of_three();
    file[second + RecordHeader::DONE_AT as usize] = RecordHeader::YES ^ 1;
    let (words, account) = recover(&file);
    assert_eq!(words, ["one", "three"]);
    assert_eq!((account.recovered, account.corrupt), (2, 0));
}

#[test]
fn a_file_may_be_cut_anywhere() {
    let (file, [first, second, third]) = file_of_three();
    let ends = [second, third, file.len()];
    let in_header = (0..first).step_by(11);
    for length in in_header.chain((first..file.len()).step_by(5)).chain(ends) {
        let (words, account) = recover(&file[..length]);
        let whole = ends.iter().filter(|end| **end <= length).count();
        assert_eq!(words.len(), whole, "{length}");
        let is_between = length == 0 || length == first || ends.contains(&length);
        let is_half_header = length > 0 && length < first / 2;
        let is_torn = !is_between && (length > first || is_half_header);
        let torn = u64::from(is_torn);
        assert_eq!(account.corrupt, torn, "{length}");
        assert_eq!(account.recovered, whole as u64 + torn, "{length}");
    }
}

#[test]
fn what_is_no_file_of_records_is_counted_and_removed() {
    for garbage in [vec![0; 5_000], vec![0xff; 40], b"OBSSPOOL\x01".to_vec()] {
        let (words, account) = recover(&garbage);
        assert!(words.is_empty());
        assert_eq!((account.recovered, account.corrupt), (1, 1));
    }
}

/// What is left of a file that is cut while its records wait, by their first words.
fn cut_meanwhile(length: impl Fn(&[usize; 3], usize) -> usize) -> (Vec<String>, Account) {
    let (file, starts) = file_of_three();
    let dir = Dir::new();
    dir.plant(NAME, &file);
    let setup = Setup {
        // A read that is taken for a failure of the disk would end the test here.
        pauses: PAUSES,
        ..Setup::default()
    };
    let running = Running::start_as(dir.path(), setup);
    running.sweep();
    let cut = fs::File::options().write(true).open(&dir.files()[0]);
    let length = length(&starts, file.len());
    cut.unwrap().set_len(length as u64).unwrap();
    let texts = running.send_all();
    let words = texts.iter().map(|text| text.split(' ').next().unwrap());
    (words.map(str::to_owned).collect(), running.account())
}

#[test]
fn a_file_that_is_cut_meanwhile_costs_what_was_cut_off_at_once() {
    let (words, account) = cut_meanwhile(|[_, _, third], _| *third + RecordHeader::LEN / 2);
    assert_eq!(words, ["one", "two"]);
    assert_eq!(account.corrupt, 1, "in a header");
    let (words, account) = cut_meanwhile(|_, end| end - 1);
    assert_eq!(words, ["one", "two"]);
    assert_eq!(account.corrupt, 1, "in a payload");
    let (words, account) = cut_meanwhile(|_, _| 0);
    assert!(words.is_empty());
    assert_eq!(account.corrupt, 3);
}

#[test]
fn damage_is_told_once_with_the_file() {
    let (mut file, [_, second, third]) = file_of_three();
    file[second + 9] ^= 1;
    file[third + RecordHeader::LEN + 9] ^= 1;
    let dir = Dir::new();
    dir.plant(NAME, &file);
    let running = Running::start(dir.path());
    assert_eq!(running.send_all().len(), 1);
    let messages = running.close();
    let about = |word: &str| messages.iter().filter(|text| text.contains(word)).count();
    assert_eq!(about("logs-00000001.spool is damaged"), 1, "{messages:#?}");
}

#[test]
fn another_version_of_the_format_is_left_alone() {
    let (mut file, [first, ..]) = file_of_three();
    file[8] = 2;
    file[first / 2 + 8] = 2;
    let dir = Dir::new();
    dir.plant(NAME, &file);
    let running = Running::start(dir.path());
    assert_eq!(running.account(), Account::default());
    running.close();
    assert_eq!(fs::read(&dir.files()[0]).unwrap(), file);
}
