//! Whatever is stored, settled, given back and killed in whatever order: pending is stored less done.

use std::collections::BTreeSet;

use super::support::{Account, Dir, Running, Setup, body, noise};
use crate::export::spool::Ticket;

/// Numbers that look random and are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// What the spool should hold, by the numbers that the records begin with.
#[derive(Default)]
struct Model {
    pending: BTreeSet<usize>,
    /// What the test has of it.
    held: Vec<(Ticket, Vec<usize>)>,
    stored: usize,
}

impl Model {
    fn store(&mut self, running: &Running, numbers: &mut Numbers) {
        let count = 1 + numbers.below(3);
        let stored: Vec<usize> = (self.stored..self.stored + count).collect();
        self.stored += count;
        let texts = stored.iter().map(|number| {
            let noise = noise(numbers.below(12_000));
            format!("{number} {noise}")
        });
        let texts: Vec<String> = texts.collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let ticket = running.store(body(&texts));
        self.pending.extend(&stored);
        self.held.push((ticket, stored));
    }

    fn lease(&mut self, running: &Running, most_bytes: usize) {
        let Some(leased) = running.lease_within(most_bytes) else {
            return;
        };
        let numbers = numbers_of(&leased.texts());
        for number in &numbers {
            assert!(self.pending.contains(number), "it was not settled before");
            let mut held = self.held.iter();
            let is_held = held.any(|(_, held)| held.contains(number));
            assert!(!is_held, "nobody else has it");
        }
        self.held.push((leased.ticket, numbers));
    }

    fn step(&mut self, running: &Running, numbers: &mut Numbers) {
        match numbers.below(10) {
            0..4 => self.store(running, numbers),
            4..6 => self.lease(running, numbers.below(40_000)),
            choice if !self.held.is_empty() => {
                let at = numbers.below(self.held.len());
                let (ticket, held) = self.held.swap_remove(at);
                if choice < 8 {
                    running.shelf.done(ticket);
                    self.pending.retain(|number| !held.contains(number));
                } else {
                    running.shelf.release(ticket, false);
                }
            }
            _ => {}
        }
    }
}

fn numbers_of(texts: &[String]) -> Vec<usize> {
    let first = |text: &String| text.split(' ').next().unwrap().parse().unwrap();
    texts.iter().map(first).collect()
}

fn start(dir: &Dir) -> Running {
    let setup = Setup {
        // Files of 256 KiB, and room for everything.
        bytes: 2 << 20,
        ..Setup::default()
    };
    Running::start_as(dir.path(), setup)
}

fn run(seed: u64) {
    let mut numbers = Numbers(seed);
    let dir = Dir::new();
    let mut model = Model::default();
    let mut running = start(&dir);
    for _ in 0..150 {
        match numbers.below(16) {
            // What somebody has when the process ends comes back.
            0 => {
                running.sweep();
                running.kill();
                running = start(&dir);
                model.held.clear();
            }
            1 => {
                running.close();
                running = start(&dir);
                model.held.clear();
            }
            2 => running.sweep(),
            _ => model.step(&running, &mut numbers),
        }
    }
    running.sweep();
    running.kill();
    let last = Running::start(dir.path());
    let sent = numbers_of(&last.send_all());
    let distinct: BTreeSet<usize> = sent.iter().copied().collect();
    assert_eq!(distinct.len(), sent.len(), "each once");
    assert_eq!(distinct, model.pending);
    let recovered = sent.len() as u64;
    let expected = Account {
        recovered,
        ..Account::default()
    };
    assert_eq!(last.account(), expected);
    last.close();
    assert!(dir.folders().is_empty());
}

#[test]
fn pending_is_what_was_stored_less_what_was_done() {
    for seed in 1..=8 {
        run(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
    }
}
