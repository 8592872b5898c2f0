//! Records a little, then ends as its argument says.

#![expect(
    clippy::exit,
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "to end badly is what it is for"
)]

mod values;

use std::panic;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use obs_core::{Builder, Telemetry};
use tokio::runtime::{Builder as RuntimeBuilder, Runtime};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::values::{Act, Value};

fn main() {
    let ending = std::env::args().nth(1).unwrap_or_default();
    if ending == "panic-in-hook" {
        panic::set_hook(Box::new(|_| panic!("in the hook that was there before")));
    }
    let telemetry = init(&ending);
    for number in 0..RECORDS {
        let _span = tracing::info_span!("work", number).entered();
        tracing::info!(number, "recorded");
    }
    end(&ending, telemetry);
    println!("came to its end");
}

fn init(ending: &str) -> Telemetry {
    let builder = Builder::from_package(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")).quiet();
    let builder = match ending {
        "panic-in-sender" => builder.layer(PanicsOn("obs-export")),
        _ => builder,
    };
    builder.init().unwrap()
}

fn end(ending: &str, telemetry: Telemetry) {
    match ending {
        "panic" => panic!("out of flour, password=correct-horse"),
        "panic-in-task" => {
            let runtime = runtime();
            let task = runtime.spawn(async { panic!("in a task") });
            // Where a panic is not the end of the process, it is the end of the task.
            while !task.is_finished() {
                thread::yield_now();
            }
        }
        "panic-in-threads" => panic_in_threads(),
        "panic-in-value" => tracing::info!(field = ?Value(Act::Panic), "never written"),
        "panic-in-message" => panic!("{:?}", Value(Act::Panic)),
        "panic-in-hook" => panic!("followed by another"),
        "panic-in-sender" => {
            telemetry.flush(LONG);
        }
        "panic-in-callback" => panic_in_callback(&telemetry),
        "values" => return values::run(telemetry),
        "exit" => std::process::exit(3),
        "exit-after-shutdown" => {
            println!("{}", telemetry.shutdown(LONG));
            std::process::exit(3);
        }
        "exit-in-task" => runtime().block_on(async {
            let task = tokio::spawn(async {
                let _span = tracing::info_span!("left open").entered();
                std::process::exit(3)
            });
            task.await.unwrap()
        }),
        other => panic!("no such ending: {other:?}"),
    }
    println!("{}", telemetry.shutdown(LONG));
}

/// Four at once; each is told of.
fn panic_in_threads() {
    let together = Barrier::new(4);
    thread::scope(|scope| {
        for number in 0..4 {
            let together = &together;
            let work = move || {
                together.wait();
                panic!("thread {number} of four");
            };
            thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn_scoped(scope, work)
                .unwrap();
        }
    });
}

/// What measures is called on a thread of the pipeline.
fn panic_in_callback(telemetry: &Telemetry) {
    let meter = telemetry.handle().meter("abort");
    let _gauge = meter
        .u64_observable_gauge("never.measured")
        .with_callback(|_| panic!("in a callback"))
        .build();
    telemetry.flush(LONG);
}

/// A layer of the program's own that cannot stand what one thread does.
struct PanicsOn(&'static str);

impl<S: Subscriber> Layer<S> for PanicsOn {
    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        if thread::current().name() == Some(self.0) {
            panic!("on the thread {}", self.0);
        }
    }
}

fn runtime() -> Runtime {
    RuntimeBuilder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap()
}

const RECORDS: u64 = 100;
const LONG: Duration = Duration::from_secs(30);
