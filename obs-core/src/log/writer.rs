//! A bounded queue of lines and the thread that writes them out.
//!
//! Handing over copies a line into a buffer under a lock and never waits for the disk. The writer
//! is woken once per batch, not once per line: waking a thread costs more than writing a line.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tracing::Level;

use crate::clock::{self, Day};
use crate::report::LineCounts;

/// Where a writer thread puts lines.
pub(super) trait Sink: Send + 'static {
    /// Writes whole lines, all of one day.
    fn write(&mut self, day: Day, lines: &[u8]) -> io::Result<()>;
}

/// Lines on their way to a [`Sink`].
#[derive(Debug)]
pub(super) struct LineWriter {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// Something to write, or the end.
    filled: Condvar,
    /// Everything handed over so far is written.
    written: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    chunks: Vec<Chunk>,
    bytes: usize,
    closed: bool,
    /// A caller waits: do not linger for more lines.
    hurried: bool,
    writing: bool,
    counts: LineCounts,
}

#[derive(Debug)]
struct Chunk {
    day: Day,
    lines: Vec<u8>,
    count: u64,
}

impl LineWriter {
    /// Starts the writer thread. `report` is told of failures, at most once a minute.
    pub(super) fn start(
        name: &str,
        sink: impl Sink,
        report: impl Fn(&io::Error) + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let worker = Worker {
            shared: Arc::clone(&shared),
            sink,
            report,
            reported: None,
        };
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || worker.run())?;
        Ok(Self {
            shared,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Hands over one line (with its newline), or refuses it if there is no room for its level.
    pub(super) fn push(&self, day: Day, level: Level, line: &[u8]) {
        let mut queue = self.shared.lock();
        if queue.closed || queue.bytes + line.len() > room(level) {
            queue.counts.dropped_full += 1;
            return;
        }
        let was_empty = queue.bytes == 0;
        queue.bytes += line.len();
        match queue.chunks.last_mut() {
            Some(chunk) if chunk.day == day => {
                chunk.lines.extend_from_slice(line);
                chunk.count += 1;
            }
            _ => queue.chunks.push(Chunk {
                day,
                lines: line.to_vec(),
                count: 1,
            }),
        }
        let wake =
            was_empty || (queue.bytes >= BATCH_BYTES && queue.bytes - line.len() < BATCH_BYTES);
        drop(queue);
        if wake {
            self.shared.filled.notify_one();
        }
    }

    /// Waits until everything handed over so far is written; false if time ran out.
    pub(super) fn flush(&self, timeout: Duration) -> bool {
        let deadline = clock::deadline(timeout);
        let mut queue = self.shared.lock();
        while queue.bytes > 0 || queue.writing {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                return false;
            };
            queue.hurried = true;
            self.shared.filled.notify_one();
            (queue, _) = self
                .shared
                .written
                .wait_timeout(queue, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    /// Writes what is left and ends the thread; false if that took too long.
    pub(super) fn close(&self, timeout: Duration) -> bool {
        let flushed = self.flush(timeout);
        self.shared.lock().closed = true;
        self.shared.filled.notify_one();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // A thread that is stuck in a write is left to the end of the process.
        if flushed && let Some(thread) = thread {
            return thread.join().is_ok();
        }
        flushed
    }

    pub(super) fn counts(&self) -> LineCounts {
        self.shared.lock().counts
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Worker<S, R> {
    shared: Arc<Shared>,
    sink: S,
    report: R,
    reported: Option<Instant>,
}

impl<S: Sink, R: Fn(&io::Error)> Worker<S, R> {
    fn run(mut self) {
        let mut spare = Vec::new();
        while let Some(mut chunks) = self.next_batch(std::mem::take(&mut spare)) {
            let mut counts = LineCounts::default();
            for chunk in chunks.iter().filter(|chunk| chunk.count > 0) {
                match self.sink.write(chunk.day, &chunk.lines) {
                    Ok(()) => counts.written += chunk.count,
                    Err(error) => {
                        counts.dropped_failed += chunk.count;
                        self.tell(&error);
                    }
                }
            }
            // One buffer is kept for the next round, unless a burst has blown it up.
            if let Some(mut chunk) = chunks
                .pop()
                .filter(|chunk| chunk.lines.capacity() <= 2 * BATCH_BYTES)
            {
                chunk.lines.clear();
                spare = chunk.lines;
            }
            let mut queue = self.shared.lock();
            queue.writing = false;
            queue.counts.written += counts.written;
            queue.counts.dropped_failed += counts.dropped_failed;
            drop(queue);
            self.shared.written.notify_all();
        }
    }

    /// Waits for lines, lingers a little so that more come together, and takes them all.
    fn next_batch(&self, spare: Vec<u8>) -> Option<Vec<Chunk>> {
        let mut queue = self.shared.lock();
        while queue.bytes == 0 {
            if queue.closed {
                return None;
            }
            queue = self
                .shared
                .filled
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let linger_until = Instant::now() + LINGER;
        while queue.bytes < BATCH_BYTES && !queue.hurried && !queue.closed {
            let Some(left) = linger_until.checked_duration_since(Instant::now()) else {
                break;
            };
            (queue, _) = self
                .shared
                .filled
                .wait_timeout(queue, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let day = queue.chunks.last().map_or(Day::of(0), |chunk| chunk.day);
        let chunks = std::mem::take(&mut queue.chunks);
        queue.chunks.push(Chunk {
            day,
            lines: spare,
            count: 0,
        });
        queue.bytes = 0;
        queue.hurried = false;
        queue.writing = true;
        Some(chunks)
    }

    fn tell(&mut self, error: &io::Error) {
        let due = self
            .reported
            .is_none_or(|last| last.elapsed() >= REPORT_EVERY);
        if due {
            self.reported = Some(Instant::now());
            (self.report)(error);
        }
    }
}

/// The bytes that may wait when a line of this level comes: the last part of the room is kept for
/// errors, the part before it for warnings.
fn room(level: Level) -> usize {
    match level {
        Level::ERROR => QUEUE_BYTES,
        Level::WARN => QUEUE_BYTES / 16 * 15,
        Level::INFO => QUEUE_BYTES / 8 * 7,
        Level::DEBUG | Level::TRACE => QUEUE_BYTES / 4 * 3,
    }
}

const QUEUE_BYTES: usize = 16 * 1024 * 1024;
const BATCH_BYTES: usize = 256 * 1024;
const LINGER: Duration = Duration::from_millis(20);
const REPORT_EVERY: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    struct Held {
        started: mpsc::Sender<()>,
        release: mpsc::Receiver<()>,
        out: mpsc::Sender<Vec<u8>>,
    }

    impl Sink for Held {
        fn write(&mut self, _: Day, lines: &[u8]) -> io::Result<()> {
            self.started.send(()).map_err(io::Error::other)?;
            self.release.recv().map_err(io::Error::other)?;
            self.out.send(lines.to_vec()).map_err(io::Error::other)
        }
    }

    #[test]
    fn when_full_debug_is_refused_first_and_errors_last() {
        let (started, has_started) = mpsc::channel();
        let (release, held) = mpsc::channel();
        let (out, written) = mpsc::channel();
        let writer = LineWriter::start(
            "test",
            Held {
                started,
                release: held,
                out,
            },
            |_| {},
        )
        .unwrap();
        writer.push(Day::of(0), Level::INFO, b"first\n");
        has_started.recv().unwrap();

        let line = vec![b'x'; 64 * 1024];
        let mut accepted = Vec::new();
        for level in [Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR] {
            let before = writer.counts().dropped_full;
            let mut count = 0_usize;
            while writer.counts().dropped_full == before {
                writer.push(Day::of(0), level, &line);
                count += 1;
            }
            accepted.push(count - 1);
        }
        assert!(
            accepted.iter().all(|count| *count > 0),
            "each level has room that the one before had not: {accepted:?}"
        );
        assert_eq!(accepted.iter().sum::<usize>(), QUEUE_BYTES / line.len());

        drop(has_started);
        drop(release);
        drop(written);
        assert!(writer.flush(Duration::from_secs(30)));
        let counts = writer.counts();
        assert_eq!(counts.dropped_full, 4);
        assert_eq!(
            counts.dropped_failed,
            1 + (QUEUE_BYTES / line.len()) as u64,
            "a sink that fails is counted"
        );
    }

    #[test]
    fn many_threads_lose_and_split_nothing() {
        struct Collect(mpsc::Sender<Vec<u8>>);
        impl Sink for Collect {
            fn write(&mut self, _: Day, lines: &[u8]) -> io::Result<()> {
                self.0.send(lines.to_vec()).map_err(io::Error::other)
            }
        }
        let (out, written) = mpsc::channel();
        let writer = LineWriter::start("test", Collect(out), |_| {}).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let writer = &writer;
                scope.spawn(move || {
                    for line in 0..5_000 {
                        writer.push(
                            Day::of(0),
                            Level::INFO,
                            format!("{thread} {line}\n").as_bytes(),
                        );
                    }
                });
            }
        });
        assert!(writer.close(Duration::from_secs(30)));
        let text = String::from_utf8(written.into_iter().flatten().collect()).unwrap();
        for thread in 0..4 {
            let of_thread = text
                .lines()
                .filter(|line| line.starts_with(&format!("{thread} ")));
            let expected: Vec<String> = (0..5_000).map(|line| format!("{thread} {line}")).collect();
            assert_eq!(of_thread.collect::<Vec<_>>(), expected);
        }
        assert_eq!(writer.counts().written, 20_000);
    }
}
