//! The one table of environment variables: documentation, `.env.example` and checks are made from it.

/// An environment variable that the libraries honour.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The form of its value.
    pub form: &'static str,
    /// What holds when it is unset.
    pub default: &'static str,
    /// What it does, in one sentence.
    pub meaning: &'static str,
}

/// Every variable that is honoured, by subject.
pub const VARIABLES: &[(&str, &[Variable])] = &[
    ("Service", SERVICE),
    ("Log lines of this process", LOG),
    ("Sending over OTLP", OTLP),
    ("OpenObserve", OPENOBSERVE),
    ("Sampling", SAMPLING),
    ("Redaction", REDACTION),
    ("Server", SERVER),
];

/// Variables of the OpenTelemetry specification and of this project that do nothing, each with the
/// reason. Setting one is told in the start-up warning.
pub const NOT_HONOURED: &[(&str, &str)] = &[
    ("LOG_MAX_SIZE", ROTATION),
    ("LOG_MAX_FILES", ROTATION),
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", LIMITS),
    ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", LIMITS),
    ("OTEL_BLRP_EXPORT_TIMEOUT", PATIENCE),
    ("OTEL_BSP_EXPORT_TIMEOUT", PATIENCE),
    ("OTEL_CONFIG_FILE", FILE),
    ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", LIMITS),
    ("OTEL_EXPERIMENTAL_CONFIG_FILE", FILE),
    ("OTEL_EXPORTER_OTLP_INSECURE", INSECURE),
    ("OTEL_EXPORTER_OTLP_LOGS_INSECURE", INSECURE),
    ("OTEL_EXPORTER_OTLP_METRICS_INSECURE", INSECURE),
    ("OTEL_EXPORTER_OTLP_TRACES_INSECURE", INSECURE),
    ("OTEL_EXPORTER_PROMETHEUS_HOST", PROMETHEUS),
    ("OTEL_EXPORTER_PROMETHEUS_PORT", PROMETHEUS),
    ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", LIMITS),
    (
        "OTEL_LOG_LEVEL",
        "the SDK says little, and says it where the log lines of the program go",
    ),
    ("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", LIMITS),
    ("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", LIMITS),
    (
        "OTEL_METRIC_EXPORT_TIMEOUT",
        "OTEL_EXPORTER_OTLP_TIMEOUT bounds each request",
    ),
    ("OTEL_METRICS_EXEMPLAR_FILTER", "there are no exemplars yet"),
    (
        "OTEL_PROPAGATORS",
        "W3C trace context is what is understood and sent",
    ),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", LIMITS),
    ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", LIMITS),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", LIMITS),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", LIMITS),
    (
        "PROPAGATE_TO",
        "trace context goes everywhere, baggage nowhere yet",
    ),
    ("RATE_LIMIT_ENABLED", "there is no rate limit yet"),
    ("REDACT_HMAC_KEY", KEYED_HASH),
    ("REDACT_HMAC_KEY_FILE", KEYED_HASH),
    ("SENTRY_DSN", "nothing is sent to Sentry yet"),
    (
        "TRUSTED_PROXIES",
        "the address of a client is that of the connection",
    ),
];

const FILE: &str = "settings come from variables and from the program, not from a file";
const INSECURE: &str = "the scheme of the endpoint decides: http:// or https://";
const KEYED_HASH: &str = "hidden values have no keyed hash yet";
const LIMITS: &str = "the limits are fixed";
const PATIENCE: &str = "a batch is tried until its age or the bytes for waiting run out";
const PROMETHEUS: &str = "metrics are sent, not offered for scraping";
const ROTATION: &str = "log files change daily and are kept, for now";

const SERVICE: &[Variable] = &[
    variable(
        "APP_ENV",
        "development, staging or production",
        "development in debug builds, production in release builds",
        "Chooses outputs, the sampling ratio and delays.",
    ),
    variable(
        "OTEL_SERVICE_NAME",
        "text",
        "the package's name",
        "`service.name` of everything.",
    ),
    variable(
        "OTEL_RESOURCE_ATTRIBUTES",
        "key=value,…, percent-encoded",
        "none",
        "Further attributes of everything that is exported.",
    ),
    variable(
        "OBS_CONFIG",
        "lenient or strict",
        "lenient",
        "Whether mistaken telemetry settings are one warning or a start-up error.",
    ),
];

const LOG: &[Variable] = &[
    variable(
        "LOG_LEVEL",
        "off, error, warn, info, http, debug or trace",
        "info",
        "The least level that is captured.",
    ),
    variable(
        "RUST_LOG",
        "target=level,…",
        "none",
        "Levels per target; a bare level replaces `LOG_LEVEL`. Span filters are refused.",
    ),
    variable(
        "LOG_FORMAT",
        "auto, pretty, json or off",
        "auto: pretty in development, off elsewhere, json where there are no files",
        "The form of lines on the terminal.",
    ),
    variable(
        "LOG_FILE_PATH",
        "a folder, or off",
        "./logs",
        "Where the daily JSON files lie.",
    ),
    variable(
        "LOG_DATE_PATTERN",
        "YYYY-MM-DD",
        "YYYY-MM-DD",
        "The day in a file's name; others are told and not used.",
    ),
    variable(
        "LOG_FIELD_STYLE",
        "camel or snake",
        "camel",
        "The spelling of context keys in JSON lines.",
    ),
    variable(
        "NO_COLOR",
        "anything",
        "unset",
        "No colours on the terminal.",
    ),
];

const OTLP: &[Variable] = &[
    variable(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "a URL; /v1/traces and so on is appended",
        "unset: nothing is sent",
        "Where traces, metrics and logs go, by OTLP over HTTP.",
    ),
    variable(
        "OTEL_EXPORTER_OTLP_{TRACES,METRICS,LOGS}_ENDPOINT",
        "a URL, used as it is",
        "from the general one",
        "Where one signal goes.",
    ),
    variable(
        "OTEL_EXPORTER_OTLP_HEADERS",
        "name=value,…, percent-encoded",
        "none",
        "Headers of each request, such as credentials.",
    ),
    variable(
        "OTEL_EXPORTER_OTLP_{TRACES,METRICS,LOGS}_HEADERS",
        "name=value,…",
        "from the general one",
        "Headers for one signal.",
    ),
    variable(
        "OTEL_EXPORTER_OTLP_TIMEOUT",
        "milliseconds",
        "10000",
        "The time one request may take.",
    ),
    variable(
        "OTEL_EXPORTER_OTLP_{TRACES,METRICS,LOGS}_TIMEOUT",
        "milliseconds",
        "from the general one",
        "The same for one signal.",
    ),
    variable(
        "OTEL_EXPORTER_OTLP_COMPRESSION",
        "gzip or none",
        "gzip, none for loopback",
        "Compression of requests.",
    ),
    variable(
        "OTEL_EXPORTER_OTLP_{TRACES,METRICS,LOGS}_COMPRESSION",
        "gzip or none",
        "from the general one",
        "The same for one signal.",
    ),
    variable(
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        "http/protobuf",
        "http/protobuf",
        "Others are told and not used.",
    ),
    variable(
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "the path of a PEM file",
        "the authorities that the system trusts",
        "The CA certificates that an https server is checked against, in place of the system's. \
         Read again when a connection fails and the file has changed.",
    ),
    variable(
        "OTEL_EXPORTER_OTLP_{TRACES,METRICS,LOGS}_CERTIFICATE",
        "the path of a PEM file",
        "from the general one",
        "The same for one signal.",
    ),
    variable(
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        "the path of a PEM file",
        "none",
        "The certificate, with its chain, that a server may ask for (mTLS). Read again like the CA's.",
    ),
    variable(
        "OTEL_EXPORTER_OTLP_{TRACES,METRICS,LOGS}_CLIENT_CERTIFICATE",
        "the path of a PEM file",
        "from the general one",
        "The same for one signal.",
    ),
    variable(
        "OTEL_EXPORTER_OTLP_CLIENT_KEY",
        "the path of a PEM file: PKCS#8, PKCS#1 or SEC1, not encrypted",
        "none",
        "The private key of the client certificate.",
    ),
    variable(
        "OTEL_EXPORTER_OTLP_{TRACES,METRICS,LOGS}_CLIENT_KEY",
        "the path of a PEM file",
        "from the general one",
        "The same for one signal.",
    ),
    variable(
        "HTTPS_PROXY",
        "http://user:password@host:port, or https://…",
        "ALL_PROXY",
        "The proxy on the way to https servers, by CONNECT. Never used for loopback. \
         `https_proxy` is read too.",
    ),
    variable(
        "HTTP_PROXY",
        "as HTTPS_PROXY",
        "ALL_PROXY",
        "The proxy on the way to http servers. Not read where REQUEST_METHOD is set (CGI). \
         `http_proxy` is read too.",
    ),
    variable(
        "ALL_PROXY",
        "as HTTPS_PROXY",
        "none",
        "The proxy where the other two are unset. `all_proxy` is read too.",
    ),
    variable(
        "NO_PROXY",
        "names, addresses or networks, each with or without a port; or *",
        "none",
        "Servers that are reached without a proxy; a name stands for all below it. \
         `no_proxy` is read too.",
    ),
    variable(
        "OTEL_{TRACES,METRICS,LOGS}_EXPORTER",
        "otlp or none",
        "otlp",
        "Turns one signal off.",
    ),
    variable(
        "OTEL_SDK_DISABLED",
        "true or false",
        "false",
        "Turns sending off.",
    ),
    variable(
        "OTEL_BSP_SCHEDULE_DELAY",
        "milliseconds",
        "5000",
        "The time spans wait for company.",
    ),
    variable(
        "OTEL_BLRP_SCHEDULE_DELAY",
        "milliseconds",
        "1000",
        "The time log records wait for company.",
    ),
    variable(
        "OBS_QUEUE_SIZE",
        "a size, at least 64k",
        "32m",
        "How many bytes of each signal may wait, with what is under way.",
    ),
    variable(
        "OBS_SPOOL_DIR",
        "a folder of its own, or off",
        "unset: they wait in memory only",
        "Where spans and log records wait on disk that cannot be sent. Processes of one machine may \
         share it.",
    ),
    variable(
        "OBS_SPOOL_SIZE",
        "a size, at least 1m",
        "256m",
        "How many bytes one process may keep there; the oldest records make room for newer ones.",
    ),
    variable(
        "OBS_SPOOL_MAX_AGE",
        "a duration",
        "270min, because OpenObserve refuses what is older than 5 h",
        "Older records are dropped.",
    ),
    variable(
        "OTEL_{BSP,BLRP}_MAX_QUEUE_SIZE",
        "a number of records",
        "1000000; OBS_QUEUE_SIZE bounds their bytes",
        "How many spans, or log records, may wait.",
    ),
    variable(
        "OTEL_{BSP,BLRP}_MAX_EXPORT_BATCH_SIZE",
        "a number of records",
        "unset: 4 MiB",
        "How many spans, or log records, one request may hold.",
    ),
    variable(
        "OTEL_EXPORTER_OTLP_{TRACES,METRICS,LOGS}_PROTOCOL",
        "http/protobuf",
        "from the general one",
        "The same for one signal.",
    ),
    variable(
        "OBS_SDK_METRICS",
        "true or false",
        "true",
        "Whether what becomes of the records is sent as metrics: `otel.sdk.*` and `obs.export.*`.",
    ),
    variable(
        "OTEL_METRIC_EXPORT_INTERVAL",
        "milliseconds",
        "60000",
        "The time between two exports of metrics.",
    ),
    variable(
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        "cumulative",
        "cumulative",
        "Others are told and not used: every backend takes cumulative points, and they make up for \
         what an outage lost.",
    ),
    variable(
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        "explicit_bucket_histogram",
        "explicit_bucket_histogram",
        "Others are told and not used.",
    ),
];

const OPENOBSERVE: &[Variable] = &[
    variable(
        "OPENOBSERVE_URL",
        "a URL",
        "unset",
        "The server; the path /api/{org} is appended.",
    ),
    variable("OPENOBSERVE_ORG", "text", "default", "The organisation."),
    variable(
        "OPENOBSERVE_USERNAME",
        "text",
        "unset",
        "User of Basic authentication.",
    ),
    variable(
        "OPENOBSERVE_PASSWORD",
        "text",
        "unset",
        "Its password or ingestion token.",
    ),
    variable(
        "OPENOBSERVE_STREAM_LOGS",
        "text",
        "the server's default",
        "The stream of logs.",
    ),
    variable(
        "OPENOBSERVE_STREAM_TRACES",
        "text",
        "the server's default",
        "The stream of traces.",
    ),
    variable(
        "OPENOBSERVE_STREAM_METRICS",
        "text",
        "unset",
        "Accepted without effect: a metric's name is its stream.",
    ),
];

const SAMPLING: &[Variable] = &[
    variable(
        "OTEL_TRACES_SAMPLER",
        "always_on, always_off, traceidratio or parentbased_…",
        "parentbased_traceidratio",
        "Which traces are exported.",
    ),
    variable(
        "OTEL_TRACES_SAMPLER_ARG",
        "a ratio from 0 to 1",
        "1 with OTEL_TRACES_SAMPLER, as specified; else 0.1 in production and 1 elsewhere",
        "The ratio of new traces.",
    ),
    variable(
        "OBS_KEEP",
        "errors, slow, errors,slow or off",
        "errors,slow; off where the sampler is always_off or parentbased_always_off",
        "Which traces are exported although the sampler refused them: those in which something \
         failed, and those that take long.",
    ),
    variable(
        "OBS_KEEP_SLOW",
        "a duration",
        "1s",
        "A trace is slow if the response head, or else the end of its root, takes longer.",
    ),
    variable(
        "OBS_KEEP_RATE",
        "a number of traces a second",
        "50",
        "How many such traces are exported at most; as many at once after a quiet second.",
    ),
    variable(
        "OBS_KEEP_PROPAGATE",
        "true or false",
        "false",
        "Whether callees are told that such a trace is sampled, from the moment of that decision.",
    ),
];

const REDACTION: &[Variable] = &[
    variable(
        "REDACT_FIELDS",
        "name,…",
        "none",
        "Further field names whose values are hidden.",
    ),
    variable(
        "REDACT_ALLOW",
        "name,…",
        "none",
        "Field names that stay visible although a rule names them.",
    ),
    variable(
        "REDACT_PATTERNS",
        "regular expressions, separated by ;",
        "none",
        "Further texts that are hidden.",
    ),
    variable(
        "REDACT_MODE",
        "mask",
        "mask",
        "What a hidden value becomes: `[REDACTED]`.",
    ),
];

const SERVER: &[Variable] = &[
    variable(
        "HEALTH_CHECK_TIMEOUT",
        "a duration",
        "5s",
        "The time a health check may take.",
    ),
    variable(
        "SHUTDOWN_DELAY",
        "a duration",
        "5s in production, else 0",
        "The time a server goes on serving after the signal, while it says that it is not ready.",
    ),
    variable(
        "SHUTDOWN_TIMEOUT",
        "a duration",
        "30s",
        "The time for everything after that.",
    ),
];

const fn variable(
    name: &'static str,
    form: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> Variable {
    Variable {
        name,
        form,
        default,
        meaning,
    }
}
