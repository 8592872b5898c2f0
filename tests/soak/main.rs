//! Outages of full length under a steady load: what was sent, what arrived, and what it took.
//!
//! An emitter with a spool and little memory records log records and spans at a steady rate. Its
//! backend goes away again and again, each time for longer than memory holds, and every record is
//! counted by its id. A line for each kind of outage says what came of it; the exit code is 1 if
//! a record was lost.
//!
//! ```sh
//! cargo run --release -p obs-tests --bin soak -- --outage 60 --times 3
//! ```

mod arrivals;
mod options;
mod outages;
mod table;

use std::{
    env,
    io::{self, Write as _},
    process::ExitCode,
};

use crate::options::Options;

fn main() -> ExitCode {
    let options = match Options::parse(env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            say(&format!("{problem}\n\n{}", options::USAGE));
            return ExitCode::from(2);
        }
    };
    say(&options.to_string());
    say(&table::head());
    let mut lost = 0;
    for kind in &options.kinds {
        let outcome = outages::run(*kind, &options);
        say(&table::line(*kind, &outcome));
        lost += outcome.logs.lost + outcome.spans.lost;
    }
    if lost == 0 {
        ExitCode::SUCCESS
    } else {
        say(&format!("{lost} records were lost"));
        ExitCode::FAILURE
    }
}

fn say(line: &str) {
    // Who reads it may have gone; the exit code says it too.
    let mut stdout = io::stdout().lock();
    let _unheard = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}
