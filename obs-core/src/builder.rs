//! Assembles a pipeline from the program's choices and the environment.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use obs_redact::Redactor;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::NoSubscriber;
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::{LookupSpan, Registry};

use crate::capture::{CaptureFilter, CaptureLayer, NameRules, install_log_bridge};
use crate::clock::Clock;
use crate::config::{Env, NOT_HONOURED, Problem, Reader};
use crate::error::Error;
use crate::log::{LogOutputs, Settings, Stream};
use crate::pipeline::Pipeline;
#[cfg(feature = "otlp")]
use crate::pipeline::SpanOutlet;
use crate::propagation::IdSource;
use crate::report::Description;
use crate::resource::{Environment, Named, Resource};
use crate::sampling::{Keeper, Policy, Sampler};
use crate::telemetry::Telemetry;

/// Starts a pipeline for the service of this name; see [`Builder`].
pub fn builder(service_name: impl Into<String>) -> Builder {
    let named = Named {
        service: Some(service_name.into()),
        ..Named::default()
    };
    Builder::new(named)
}

/// Installs telemetry for this program: the one line in `main`.
///
/// Service name and version come from the package that calls it, unless `OTEL_SERVICE_NAME` or
/// `OTEL_RESOURCE_ATTRIBUTES` says otherwise; everything else from the environment.
///
/// # Errors
/// [`Error`] if a subscriber or a logger is installed already, or a setting that must not be
/// ignored is mistaken.
///
/// # Examples
/// ```no_run
/// fn main() -> Result<(), obs_core::Error> {
///     let telemetry = obs_core::init!()?;
///     tracing::info!(answer = 42, "ready");
///     telemetry.shutdown(std::time::Duration::from_secs(5));
///     Ok(())
/// }
/// ```
#[macro_export]
macro_rules! init {
    () => {
        $crate::Builder::from_package(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")).init()
    };
}

/// Choices of the program; each one wins over the environment.
///
/// # Examples
/// Beside a subscriber of one's own:
/// ```
/// use tracing_subscriber::layer::SubscriberExt;
///
/// # fn main() -> Result<(), obs_core::Error> {
/// # let env = obs_core::config::Env::from_pairs([("LOG_FORMAT", "off"), ("LOG_FILE_PATH", "off")]);
/// let (telemetry, layer) = obs_core::builder("shop").env(env).build()?;
/// let subscriber = tracing_subscriber::registry().with(layer);
/// tracing::subscriber::with_default(subscriber, || tracing::info!("captured"));
/// telemetry.shutdown(std::time::Duration::from_secs(5));
/// # Ok(()) }
/// ```
#[must_use = "a builder does nothing until `build` or `init`"]
pub struct Builder {
    named: Named,
    env: Option<Env>,
    environment: Environment,
    stream: Stream,
    announce: bool,
    clock: Clock,
    ids: IdSource,
    layers: Vec<Box<dyn Layer<Registry> + Send + Sync>>,
    spool_dir: Option<PathBuf>,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("named", &self.named)
            .field("env", &self.env)
            .finish_non_exhaustive()
    }
}

impl Builder {
    fn new(named: Named) -> Self {
        let environment = if cfg!(debug_assertions) {
            Environment::Development
        } else {
            Environment::Production
        };
        Self {
            named,
            env: None,
            environment,
            stream: Stream::Stdout,
            announce: true,
            clock: Clock::default(),
            ids: IdSource::default(),
            layers: Vec::new(),
            spool_dir: None,
        }
    }

    /// Name and version of a package, which yield to the environment. [`init!`](crate::init) fills
    /// them in.
    pub fn from_package(name: &'static str, version: &'static str) -> Self {
        Self::new(Named {
            package: Some((name, version)),
            ..Named::default()
        })
    }

    /// The version of the service.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.named.version = Some(version.into());
        self
    }

    /// Settings from here instead of the process environment.
    pub fn env(mut self, env: Env) -> Self {
        self.env = Some(env);
        self
    }

    /// Writes terminal output to stderr: for commands whose stdout is data.
    pub fn log_to_stderr(mut self) -> Self {
        self.stream = Stream::Stderr;
        self
    }

    /// Does not tell at start what is on, nor at the end that all went well: for commands that run
    /// and end.
    pub fn quiet(mut self) -> Self {
        self.announce = false;
        self
    }

    /// Keeps on disk, in this folder, what cannot be sent, unless `OBS_SPOOL_DIR` names another one
    /// or is `off`. Does nothing without the `otlp` feature.
    ///
    /// See `docs/delivery.md`: what it survives, how much room it takes, who may read it.
    pub fn spool_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.spool_dir = Some(folder.into());
        self
    }

    /// Spans, events and sampling take the time from here.
    #[cfg(feature = "testing")]
    pub(crate) fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// New spans take their ids from here.
    #[cfg(feature = "testing")]
    pub(crate) fn ids(mut self, ids: IdSource) -> Self {
        self.ids = ids;
        self
    }

    /// Adds a layer of the program's own to the subscriber that [`init`](Self::init) installs.
    pub fn layer(mut self, layer: impl Layer<Registry> + Send + Sync) -> Self {
        self.layers.push(Box::new(layer));
        self
    }

    /// Starts the pipeline and returns its layer; installs nothing.
    ///
    /// The layer filters for itself only: it never hides an event from the layers beside it. Records
    /// of the `log` crate reach it through a bridge of the program's choice, such as
    /// `tracing_log::LogTracer`.
    ///
    /// # Errors
    /// [`Error`] if a setting that must not be ignored is mistaken: `REDACT_*`, or any with
    /// `OBS_CONFIG=strict`. All mistakes are told together.
    pub fn build<S>(self) -> Result<(Telemetry, impl Layer<S> + Send + Sync + use<S>), Error>
    where
        S: Subscriber + for<'l> LookupSpan<'l>,
    {
        let spokesman = Spokesman::default();
        let (pipeline, problems) = self.assemble(Some(&spokesman))?;
        let pipeline = Arc::new(pipeline);
        spokesman.introduce(&pipeline);
        let layer =
            CaptureLayer::new::<S>(Arc::clone(&pipeline)).with_filter(pipeline.filter.clone());
        let telemetry = Telemetry::new(pipeline);
        telemetry.announce(&problems);
        Ok((telemetry, layer))
    }

    /// Starts the pipeline and installs it for the whole process: subscriber, bridge from the `log`
    /// crate, and the OpenTelemetry API's providers.
    ///
    /// In a program built with `panic = "abort"` also a panic hook: it records the panic as an ERROR
    /// event, writes and sends what is left for at most a second, and calls the hook that was there
    /// before. A hook that the program sets later should call the one it replaces.
    ///
    /// # Errors
    /// As [`build`](Self::build), and if a subscriber or a logger is installed already.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = std::env::temp_dir().join(format!("obs-core-init-{}", std::process::id()));
    /// # let env = obs_core::config::Env::from_pairs([
    /// #     ("LOG_FORMAT", "off"),
    /// #     ("LOG_FILE_PATH", folder.to_str().ok_or("not UTF-8")?),
    /// # ]);
    /// # let again = env.clone();
    /// let telemetry = obs_core::builder("shop").env(env).init()?;
    /// tracing::info!("an event of tracing");
    /// log::info!(target: "shop::legacy", "a record of the log crate");
    /// # // A thread-local that was used before capture's own ends after them: an event of its
    /// # // destructor is lost. Without care it would abort the process.
    /// # struct Last;
    /// # impl Drop for Last {
    /// #     fn drop(&mut self) {
    /// #         tracing::info!(field = "late", "too late to be captured");
    /// #     }
    /// # }
    /// # thread_local!(static LAST: Last = const { Last });
    /// # let thread = std::thread::spawn(|| {
    /// #     LAST.with(|_| ());
    /// #     tracing::info_span!("work").in_scope(|| tracing::info!("before the end"));
    /// # });
    /// # assert!(thread.join().is_ok());
    ///
    /// let second = obs_core::builder("shop").env(again).init();
    /// assert!(second.is_err_and(|error| error.is_already_installed()));
    ///
    /// let report = telemetry.shutdown(std::time::Duration::from_secs(5));
    /// assert!(report.is_complete(), "{report}");
    /// # let mut lines = String::new();
    /// # for file in std::fs::read_dir(&folder)? {
    /// #     lines += &std::fs::read_to_string(file?.path())?;
    /// # }
    /// # std::fs::remove_dir_all(&folder)?;
    /// # assert!(lines.contains(r#""message":"an event of tracing""#), "{lines}");
    /// # assert!(lines.contains(r#""target":"shop::legacy""#), "{lines}");
    /// # assert!(!lines.contains("log.module_path"), "{lines}");
    /// # Ok(()) }
    /// ```
    pub fn init(mut self) -> Result<Telemetry, Error> {
        // Asked before files are opened and threads started; the answers below settle races.
        if tracing::dispatcher::get_default(|current| !current.is::<NoSubscriber>()) {
            return Err(Error::already_installed("a global `tracing` subscriber"));
        }
        let layers = std::mem::take(&mut self.layers);
        let (telemetry, layer) = self.build()?;
        // An empty list of layers would be interested in nothing, on behalf of all.
        let layers = (!layers.is_empty()).then_some(layers);
        let subscriber = tracing_subscriber::registry().with(layers).with(layer);
        install_log_bridge(&telemetry.pipeline().filter)?;
        tracing::subscriber::set_global_default(subscriber)
            .map_err(|_| Error::already_installed("a global `tracing` subscriber"))?;
        #[cfg(feature = "otlp")]
        crate::otel::install_global(telemetry.pipeline());
        if cfg!(panic = "abort") {
            crate::panic_hook::install(Arc::clone(telemetry.pipeline()));
        }
        Ok(telemetry)
    }

    /// Says what would be in force, and which settings are mistaken, without anything being sent
    /// or installed: for commands with which operators look after a service.
    ///
    /// Log files are opened, because only that shows whether they can be.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    ///
    /// # Examples
    /// ```
    /// # fn main() -> Result<(), obs_core::Error> {
    /// # let env = obs_core::config::Env::from_pairs([
    /// #     ("LOG_FORMAT", "off"), ("LOG_FILE_PATH", "off"), ("LOG_LEVEL", "loud"),
    /// # ]);
    /// let description = obs_core::builder("shop").env(env).describe()?;
    /// assert!(description.lines[0].starts_with("service shop"));
    /// assert_eq!(description.problems[0].name, "LOG_LEVEL");
    /// # Ok(()) }
    /// ```
    pub fn describe(self) -> Result<Description, Error> {
        let (pipeline, problems) = self.assemble(None)?;
        Ok(Description {
            lines: pipeline.summary(),
            problems,
        })
    }

    /// Without anybody to speak through, nothing is started that would have something to say.
    fn assemble(self, spokesman: Option<&Spokesman>) -> Result<(Pipeline, Vec<Problem>), Error> {
        #[cfg(not(feature = "otlp"))]
        let _unused = spokesman;
        let env = self.env.unwrap_or_else(Env::process);
        let redactor = redactor(&env)?;
        let reader = Reader::new(&env);
        let environment = Environment::read(&reader, self.environment);
        let strict = reader.parse(
            "OBS_CONFIG",
            "lenient or strict",
            "lenient".to_owned(),
            |text| matches!(text, "lenient" | "strict").then(|| text.to_owned()),
        ) == "strict";
        let resource = Resource::read(&reader, &self.named, environment);
        let default_ratio = if environment == Environment::Production {
            0.1
        } else {
            1.0
        };
        let sampler = Sampler::read(&reader, default_ratio);
        let policy = Policy::read(&reader).filter(|_| sampler.allows_keeping());
        let filter = CaptureFilter::read(&reader, LevelFilter::INFO);
        let settings = Settings::read(&reader, environment, self.stream);
        let identity = resource.identity();
        let outputs = LogOutputs::open(&settings, &reader, environment, &identity);
        let rules = NameRules::new(redactor);
        #[cfg(feature = "otlp")]
        let export = crate::export::Settings::read(&reader, self.spool_dir.as_deref());
        check_server_settings(&reader);
        reader.refuse(NOT_HONOURED);
        let problems = reader.into_problems();
        if strict && !problems.is_empty() {
            return Err(Error::settings(problems));
        }
        #[cfg(feature = "otlp")]
        let (reserved, exporter) = start_export(export, &resource, &rules, spokesman);
        #[cfg(feature = "otlp")]
        let keeper = keeper(exporter.as_ref(), policy, &self.clock);
        #[cfg(not(feature = "otlp"))]
        let keeper = None;
        let pipeline = Pipeline {
            environment,
            identity,
            rules,
            clock: self.clock,
            ids: self.ids,
            sampler,
            keeper,
            filter,
            outputs,
            #[cfg(feature = "otlp")]
            exporter,
            #[cfg(feature = "otlp")]
            reserved,
            announces: self.announce,
            ended: AtomicBool::new(false),
            env,
        };
        Ok((pipeline, problems))
    }
}

/// The server reads its settings when it starts. They are looked at here so that all mistakes are
/// told together.
fn check_server_settings(reader: &Reader<'_>) {
    for (name, default) in [
        ("HEALTH_CHECK_TIMEOUT", 5),
        ("SHUTDOWN_DELAY", 0),
        ("SHUTDOWN_TIMEOUT", 30),
    ] {
        // Only the note of a mistake is wanted.
        let _value = reader.duration(name, Duration::from_secs(default));
    }
}

/// Through whom the sender, which is started before the pipeline is whole, speaks once it is.
#[derive(Clone, Default)]
struct Spokesman(Arc<Mutex<Speech>>);

#[derive(Default)]
struct Speech {
    pipeline: Option<Weak<Pipeline>>,
    /// What was said before there was a pipeline.
    early: Vec<(Level, String)>,
}

impl Spokesman {
    fn introduce(&self, pipeline: &Arc<Pipeline>) {
        let mut speech = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        speech.pipeline = Some(Arc::downgrade(pipeline));
        let early = std::mem::take(&mut speech.early);
        drop(speech);
        for (level, message) in early {
            pipeline.say_here(level, &message);
        }
    }

    /// Lets go of spans that have waited long enough for the end of their trace.
    #[cfg(feature = "otlp")]
    fn settle_due(&self) {
        let speech = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pipeline = speech.pipeline.as_ref().and_then(Weak::upgrade);
        drop(speech);
        if let Some(pipeline) = pipeline
            && let Some(keeper) = &pipeline.keeper
        {
            keeper.settle_due();
            if let Some(warning) = keeper.rate_warning() {
                pipeline.say_here(Level::WARN, &warning);
            }
        }
    }

    /// To the outputs of this process: what is said of sending must not be sent itself.
    #[cfg(feature = "otlp")]
    fn say(&self, level: Level, message: &str) {
        let mut speech = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pipeline) = speech.pipeline.clone() else {
            speech.early.push((level, message.to_owned()));
            return;
        };
        drop(speech);
        if let Some(pipeline) = pipeline.upgrade() {
            pipeline.say_here(level, message);
        }
    }
}

#[cfg(feature = "otlp")]
fn start_export(
    settings: crate::export::Settings,
    resource: &Resource,
    rules: &NameRules,
    spokesman: Option<&Spokesman>,
) -> (crate::export::Reserved, Option<crate::export::Exporter>) {
    use crate::export::{Exporter, Reserved};

    let reserved = if settings.is_openobserve() {
        Reserved::Rename
    } else {
        Reserved::Keep
    };
    let Some(spokesman) = spokesman.cloned() else {
        return (reserved, Some(Exporter::idle(settings)));
    };
    let settler = spokesman.clone();
    let settle = move || settler.settle_due();
    let report = move |level: Level, message: &str| spokesman.say(level, message);
    let exporter = Exporter::start(
        settings,
        resource.attributes(),
        rules.redactor(),
        Arc::new(report),
        Arc::new(settle),
    );
    (reserved, Some(exporter))
}

/// Keeps what head sampling refuses, where spans are sent.
#[cfg(feature = "otlp")]
fn keeper(
    exporter: Option<&crate::export::Exporter>,
    policy: Option<Policy>,
    clock: &Clock,
) -> Option<Arc<Keeper>> {
    // One that only describes itself sends nothing, and says the same of what it would keep.
    let exporter =
        exporter.filter(|exporter| exporter.endpoint(crate::export::Signal::Traces).is_some())?;
    let outlet = Box::new(SpanOutlet(exporter.clone()));
    let keeper = Keeper::new(policy?, clock.clone(), outlet);
    exporter.watch_sampling(keeper.tally());
    Some(Arc::new(keeper))
}

/// The redactor that `REDACT_FIELDS`, `REDACT_ALLOW` and `REDACT_PATTERNS` describe. A mistake is an
/// error whatever `OBS_CONFIG` says: ignoring it could let through what it was to hide.
fn redactor(env: &Env) -> Result<Redactor, Error> {
    let reader = Reader::new(env);
    let list = |name, separators: &'static [char]| {
        let text = reader.text(name).unwrap_or_default();
        text.split(separators)
            .map(str::trim)
            .filter(|item| !item.is_empty())
    };
    let mut builder = Redactor::builder().fields(list("REDACT_FIELDS", &[',']));
    for name in list("REDACT_ALLOW", &[',']) {
        builder = builder.allow(name);
    }
    for pattern in list("REDACT_PATTERNS", &[';', '\n']) {
        builder = builder.pattern(pattern);
    }
    let reason = "hidden values have no keyed hash yet";
    reader.refuse(&[
        ("REDACT_HMAC_KEY", reason),
        ("REDACT_HMAC_KEY_FILE", reason),
    ]);
    if let Some(mode) = reader.text("REDACT_MODE").filter(|mode| *mode != "mask") {
        reader.problem("REDACT_MODE", mode, "mask", "nothing");
    }
    let redactor = builder.build().map_err(|error| {
        // A pattern may spell out the very secret that it is to catch.
        reader.problem(
            "REDACT_PATTERNS",
            "(not shown)",
            &format!("regular expressions, separated by `;` ({error})"),
            "nothing",
        );
    });
    let problems = reader.into_problems();
    match redactor {
        Ok(redactor) if problems.is_empty() => Ok(redactor),
        _ => Err(Error::settings(problems)),
    }
}

impl Telemetry {
    /// Tells at start what is on and what was mistaken.
    fn announce(&self, problems: &[Problem]) {
        if self.pipeline().announces {
            for line in self.pipeline().summary() {
                self.pipeline().say(Level::INFO, &line);
            }
        }
        if !problems.is_empty() {
            use std::fmt::Write as _;

            let mut message = format!("{} setting(s) cannot be used as written:", problems.len());
            for problem in problems {
                // Writing to a string cannot fail.
                let _always = write!(message, "\n- {problem}");
            }
            // Whatever the log level: who turned warnings off would not know that it was not done.
            self.pipeline().say_always(Level::WARN, &message);
        }
    }
}
