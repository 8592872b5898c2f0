//! Log records and spans at a steady rate in the background.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::emission::time_of;

/// A thread that emits until it is told to stop.
#[derive(Debug)]
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Done>,
}

/// What a load came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    pub(crate) count: u64,
    pub(crate) longest: Duration,
}

impl Load {
    /// Calls `emit` so many times a second.
    pub(crate) fn start(rate: u64, emit: impl Fn() + Send + 'static) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&stop);
        let work = move || {
            let begin = Instant::now();
            let mut done = Done::default();
            while !is_over.load(Ordering::Relaxed) {
                let due = (begin.elapsed().as_secs_f64() * rate as f64) as u64;
                for _ in done.count..due {
                    let took = time_of(&emit);
                    done.longest = done.longest.max(took);
                }
                done.count = done.count.max(due);
                thread::sleep(BETWEEN_BURSTS);
            }
            done
        };
        let thread = thread::Builder::new().name("load".to_owned()).spawn(work)?;
        Ok(Self { stop, thread })
    }

    pub(crate) fn stop(self) -> Done {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

const BETWEEN_BURSTS: Duration = Duration::from_millis(1);
