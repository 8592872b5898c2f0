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

/// Variables of the OpenTelemetry specification and of this project that do nothing yet. Setting one
/// is told in the start-up warning.
pub const NOT_HONOURED: &[&str] = &[
    "LOG_MAX_SIZE",
    "LOG_MAX_FILES",
    "OBS_KEEP",
    "OBS_KEEP_RATE",
    "OBS_KEEP_SLOW",
    "OBS_SPOOL_DIR",
    "OTEL_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_BLRP_EXPORT_TIMEOUT",
    "OTEL_BSP_EXPORT_TIMEOUT",
    "OTEL_CONFIG_FILE",
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CLIENT_KEY",
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
    "OTEL_PROPAGATORS",
    "PROPAGATE_TO",
    "RATE_LIMIT_ENABLED",
    "REDACT_HMAC_KEY",
    "REDACT_HMAC_KEY_FILE",
    "SENTRY_DSN",
    "TRUSTED_PROXIES",
];

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
        "OTEL_{BSP,BLRP}_MAX_QUEUE_SIZE",
        "a number of records",
        "unset: 32 MiB a signal",
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
        "OTEL_METRIC_EXPORT_INTERVAL",
        "milliseconds",
        "60000",
        "The time between two exports of metrics.",
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
