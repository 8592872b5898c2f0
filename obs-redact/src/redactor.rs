//! `Redactor`: decides what of a name, a text, a URL, a statement or a header may leave.

use std::{borrow::Cow, fmt, sync::Arc};

use crate::{
    REDACTED,
    detect::{Anchors, SHORTEST_PLAIN, find_cards, find_marked, find_pairs},
    field::FieldRules,
    findings::{Findings, redact, repeat},
    pattern::Patterns,
    policy::RedactorBuilder,
    query, sql,
};

/// Replaces what is known to be sensitive with [`REDACTED`].
///
/// Make one and clone it: clones share the rules. All methods borrow their input and give it back,
/// without allocating, when there is nothing to replace; what was replaced is always
/// [`Cow::Owned`]. They take linear time in the length of the input, never fail, and leave what
/// they have already redacted as it is.
///
/// # Examples
/// ```
/// use obs_redact::Redactor;
///
/// let redactor = Redactor::new();
/// assert_eq!(redactor.redact_field("user.password", "hunter2"), "[REDACTED]");
/// assert_eq!(redactor.redact_field("user.name", "ada"), "ada");
/// assert_eq!(
///     redactor.redact_text("retry with token=abc&page=2"),
///     "retry with token=[REDACTED]&page=2",
/// );
/// ```
#[derive(Clone)]
pub struct Redactor {
    policy: Arc<Policy>,
}

struct Policy {
    rules: FieldRules,
    patterns: Patterns,
    anchors: Anchors,
}

impl Redactor {
    /// A redactor with the default rules.
    pub fn new() -> Self {
        Self::with_rules(FieldRules::default(), Patterns::default())
    }

    /// Starts a redactor with rules of one's own on top of the default ones.
    pub fn builder() -> RedactorBuilder {
        RedactorBuilder::default()
    }

    /// Whether the name alone says that the value must not leave.
    ///
    /// Names are split into words, so that `userPassword`, `user.password` and `USER-PASSWORD` are
    /// one name, and `author` or `max_tokens` are none of the rules' business.
    ///
    /// # Examples
    /// ```
    /// let redactor = obs_redact::Redactor::new();
    /// assert!(redactor.is_sensitive_field("x-api-key"));
    /// assert!(!redactor.is_sensitive_field("cache_key"));
    /// ```
    pub fn is_sensitive_field(&self, name: &str) -> bool {
        self.policy.rules.is_sensitive(name.as_bytes())
    }

    /// Redacts the value of a field: whole if its name is sensitive, else by the text rules.
    ///
    /// # Examples
    /// ```
    /// let redactor = obs_redact::Redactor::new();
    /// assert_eq!(redactor.redact_field("apiKey", "k1"), "[REDACTED]");
    /// assert_eq!(redactor.redact_field("note", "pin: 1234"), "pin: [REDACTED]");
    /// assert_eq!(redactor.redact_field("token_count", "512"), "512");
    /// ```
    pub fn redact_field<'v>(&self, name: &str, value: &'v str) -> Cow<'v, str> {
        if self.is_sensitive_field(name) {
            whole(value)
        } else {
            self.redact_text(value)
        }
    }

    /// Redacts free text: a log message, an error, a stack trace, a body.
    ///
    /// # Examples
    /// ```
    /// let redactor = obs_redact::Redactor::new();
    /// assert_eq!(
    ///     redactor.redact_text(r#"sent {"user":"ada","password":"hunter2"} to postgres://app:pw@db/x"#),
    ///     r#"sent {"user":"ada","password":"[REDACTED]"} to postgres://[REDACTED]@db/x"#,
    /// );
    /// ```
    pub fn redact_text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        redact(text, |findings| self.find_in_text(findings))
    }

    /// Redacts a URL, or the path and query of one.
    ///
    /// Credentials before the host, sensitive parameters of query and fragment, and what the text
    /// rules find, also behind one level of percent-encoding. Allocates for clean input only where
    /// an encoded part is longer than 1,024 bytes or no UTF-8.
    ///
    /// # Examples
    /// ```
    /// let redactor = obs_redact::Redactor::new();
    /// assert_eq!(
    ///     redactor.redact_url("https://ada:pw@example.com/a?page=2&sig=x#access_token=y"),
    ///     "https://[REDACTED]@example.com/a?page=2&sig=[REDACTED]#access_token=[REDACTED]",
    /// );
    /// ```
    ///
    /// # Source
    /// OpenTelemetry semantic conventions, `url.full` and `url.query`; the marker is ours.
    pub fn redact_url<'u>(&self, url: &'u str) -> Cow<'u, str> {
        // A path without any of these reads like text, and most do.
        if !url.bytes().any(|byte| b"%+?#&=@".contains(&byte)) {
            return self.redact_text(url);
        }
        redact(url, |findings| {
            query::find_in_url(self, findings);
            self.find_in_text(findings);
        })
    }

    /// Redacts a query without its question mark.
    ///
    /// # Examples
    /// ```
    /// let redactor = obs_redact::Redactor::new();
    /// assert_eq!(
    ///     redactor.redact_query("page=2&api%5Fkey=k&next=%2F%3Ftoken%3Dt"),
    ///     "page=2&api%5Fkey=[REDACTED]&next=[REDACTED]",
    /// );
    /// ```
    pub fn redact_query<'q>(&self, query: &'q str) -> Cow<'q, str> {
        redact(query, |findings| {
            query::find_in_query(self, findings);
            self.find_in_text(findings);
        })
    }

    /// Replaces every literal of a database statement with `?`, and removes comments.
    ///
    /// `system` is an OpenTelemetry `db.system.name` such as `postgresql`; it decides what a string
    /// looks like. Of a Redis command the word stays and every argument becomes `?`. From a literal
    /// that does not end everything is `?`, and so is a whole statement that is no SQL.
    ///
    /// # Examples
    /// ```
    /// let redactor = obs_redact::Redactor::new();
    /// assert_eq!(
    ///     redactor.redact_sql("postgresql", "SELECT * FROM t1 WHERE name = 'ada' AND id = $1 LIMIT 5"),
    ///     "SELECT * FROM t1 WHERE name = ? AND id = $1 LIMIT ?",
    /// );
    /// assert_eq!(redactor.redact_sql("redis", "SET session:1 abc"), "SET ? ?");
    /// ```
    ///
    /// # Source
    /// OpenTelemetry semantic conventions, `db.query.text`, sanitization.
    pub fn redact_sql<'s>(&self, system: &str, statement: &'s str) -> Cow<'s, str> {
        let Policy {
            rules,
            patterns,
            anchors,
        } = &*self.policy;
        // What is left are names. `password = ?` must stay, so rules for pairs are left out.
        repeat(statement, |statement| {
            let literals = sql::redact_literals(system, statement);
            let mut findings = Findings::new(literals.as_deref().unwrap_or(statement));
            anchors.find_vendor_keys(&mut findings, rules);
            find_cards(&mut findings);
            patterns.find(&mut findings);
            findings.apply().or(literals)
        })
    }

    /// Redacts the value of an HTTP header.
    ///
    /// Whole if the name is sensitive (`Authorization`, `Cookie`, `X-Api-Key`, …), as a URL if the
    /// header holds one, else by the text rules.
    ///
    /// # Examples
    /// ```
    /// let redactor = obs_redact::Redactor::new();
    /// assert_eq!(redactor.redact_header("Authorization", "Bearer abc"), "[REDACTED]");
    /// assert_eq!(redactor.redact_header("Referer", "/a?sig=x"), "/a?sig=[REDACTED]");
    /// ```
    pub fn redact_header<'h>(&self, name: &str, value: &'h str) -> Cow<'h, str> {
        if self.is_sensitive_field(name) {
            whole(value)
        } else if URL_HEADERS
            .iter()
            .any(|header| header.eq_ignore_ascii_case(name))
        {
            self.redact_url(value)
        } else {
            self.redact_text(value)
        }
    }

    pub(crate) fn with_rules(rules: FieldRules, patterns: Patterns) -> Self {
        Self {
            policy: Arc::new(Policy {
                rules,
                patterns,
                anchors: Anchors::new(),
            }),
        }
    }

    pub(crate) fn fields(&self) -> &FieldRules {
        &self.policy.rules
    }

    /// Whether the text rules would replace something in decoded bytes.
    pub(crate) fn finds_secret(&self, decoded: &[u8]) -> bool {
        // Rules look at ASCII only, so what is not text may read as anything else.
        let text = String::from_utf8_lossy(decoded);
        let mut findings = Findings::new(&text);
        self.find_in_text(&mut findings);
        !findings.is_empty()
    }

    fn find_in_text(&self, findings: &mut Findings<'_>) {
        let Policy {
            rules,
            patterns,
            anchors,
        } = &*self.policy;
        // Most fields are short words and numbers: looking at them once is cheaper than searching.
        if !is_short_and_plain(findings.bytes()) {
            anchors.find_vendor_keys(findings, rules);
            anchors.find_shapes(findings, rules);
            find_pairs(findings, rules);
            find_marked(findings, rules);
            find_cards(findings);
        }
        patterns.find(findings);
    }
}

/// Whether no rule by value can find anything in a text, whatever it says.
fn is_short_and_plain(text: &[u8]) -> bool {
    text.len() < SHORTEST_PLAIN
        && text.iter().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/' | b'{' | b'}')
        })
}

impl Default for Redactor {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Redactor {
    /// Shows how many rules were added, not what they are.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Redactor")
            .field("fields", &self.policy.rules.sensitive.len())
            .field("allowed", &self.policy.rules.allowed.len())
            .field("patterns", &self.policy.patterns.len())
            .finish()
    }
}

fn whole(value: &str) -> Cow<'_, str> {
    if value == REDACTED {
        Cow::Borrowed(value)
    } else {
        Cow::Owned(REDACTED.to_owned())
    }
}

const URL_HEADERS: [&str; 5] = [
    "referer",
    "location",
    "content-location",
    "x-original-url",
    "x-forwarded-uri",
];
