//! A pipeline before a server that does well or badly, and the ways and places to end it.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use obs_core::config::Env;
use obs_core::testing::Receiver;
use obs_core::{ShutdownReport, Telemetry};
use tokio::runtime::{self, Runtime};
use tracing::Dispatch;
use tracing_subscriber::layer::SubscriberExt as _;

/// What listens at the endpoint, or does not.
pub(crate) enum Server {
    Answering(Receiver),
    /// Takes requests and keeps its answers.
    Silent(Receiver),
    /// Nobody listens there; it is held so that nobody else does.
    Refusing(TcpStream),
    /// The system takes connections, and nobody reads.
    HalfOpen(TcpListener),
}

impl Server {
    pub(crate) fn refusing() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        // The address of a client is taken, and nobody can listen there.
        Self::Refusing(TcpStream::connect(listener.local_addr().unwrap()).unwrap())
    }

    pub(crate) fn half_open() -> Self {
        Self::HalfOpen(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        match self {
            Self::Answering(receiver) | Self::Silent(receiver) => receiver.address(),
            Self::Refusing(client) => client.local_addr().unwrap(),
            Self::HalfOpen(listener) => listener.local_addr().unwrap(),
        }
    }
}

/// A pipeline that sends soon, and what it sends to.
pub(crate) struct Service {
    pub(crate) telemetry: Mutex<Option<Telemetry>>,
    pub(crate) dispatch: Dispatch,
    pub(crate) server: Server,
}

impl Service {
    pub(crate) fn start(server: Server) -> Self {
        let endpoint = format!("http://{}", server.address());
        let vars = [
            ("LOG_FORMAT", "off"),
            ("LOG_FILE_PATH", "off"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            // What the pipeline says of itself would be one more record.
            ("RUST_LOG", "obs=off"),
            ("OTEL_BSP_SCHEDULE_DELAY", "10"),
            ("OTEL_BLRP_SCHEDULE_DELAY", "10"),
        ];
        let builder = obs_core::builder("shop").env(Env::from_pairs(vars)).quiet();
        let (telemetry, layer) = builder.build().unwrap();
        Self {
            telemetry: Some(telemetry).into(),
            dispatch: Dispatch::new(tracing_subscriber::registry().with(layer)),
            server,
        }
    }

    /// Records as many spans and log records as are promised, and a measurement; more than a
    /// connection holds where nobody reads.
    pub(crate) fn work(&self) {
        let telemetry = self.telemetry.lock().unwrap();
        if let Some(telemetry) = &*telemetry {
            let meter = telemetry.handle().meter("kitchen");
            meter.u64_counter("cooked").build().add(1, &[]);
        }
        let length = match self.server {
            Server::HalfOpen(_) => 50_000,
            _ => 10,
        };
        let recipe = "pancakes ".repeat(length / 9);
        tracing::dispatcher::with_default(&self.dispatch, || {
            for number in 0..RECORDS {
                let _span = tracing::info_span!("cook", number).entered();
                tracing::info!(number, recipe, "cooked");
            }
        });
    }

    pub(crate) fn shutdown(&self, deadline: Duration) -> ShutdownReport {
        let telemetry = self.telemetry.lock().unwrap().take().unwrap();
        telemetry.shutdown(deadline)
    }
}

/// Where the end is called from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    NoRuntime,
    MultiThread,
    OneWorker,
    CurrentThread,
}

impl Place {
    pub(crate) const ALL: [Self; 4] = [
        Self::NoRuntime,
        Self::MultiThread,
        Self::OneWorker,
        Self::CurrentThread,
    ];

    pub(crate) fn runtime(self) -> Option<Runtime> {
        let mut builder = match self {
            Self::NoRuntime => return None,
            Self::CurrentThread => runtime::Builder::new_current_thread(),
            Self::MultiThread | Self::OneWorker => runtime::Builder::new_multi_thread(),
        };
        if let Self::OneWorker = self {
            builder.worker_threads(1);
        }
        Some(builder.enable_all().build().unwrap())
    }
}

/// How it is ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Shutdown,
    ShutdownAsync,
    Drop,
}

impl Way {
    pub(crate) const ALL: [Self; 3] = [Self::Shutdown, Self::ShutdownAsync, Self::Drop];

    /// Ends it inside a task of the runtime, so that a runtime with one thread has no other to help.
    pub(crate) fn end(
        self,
        place: Place,
        telemetry: Telemetry,
        deadline: Duration,
    ) -> Option<ShutdownReport> {
        let end = async move {
            match self {
                Self::Shutdown => Some(telemetry.shutdown(deadline)),
                Self::ShutdownAsync => Some(telemetry.shutdown_async(deadline).await),
                Self::Drop => {
                    drop(telemetry);
                    None
                }
            }
        };
        match place.runtime() {
            Some(runtime) => {
                let task = runtime.spawn(end);
                runtime.block_on(task).unwrap()
            }
            None => block_on(end),
        }
    }
}

/// Runs a future on this thread, without a runtime.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// How many spans and log records [`Service::work`] records.
pub(crate) const RECORDS: usize = 40;
