//! URLs: their query parameters by name, and what percent-encoding hides.

use std::ops::Range;

use crate::{
    detect,
    findings::Findings,
    percent,
    redactor::Redactor,
    scan::{part, spend},
};

/// Finds the values of sensitive parameters in a query.
pub(crate) fn find_in_query(redactor: &Redactor, findings: &mut Findings<'_>) {
    find_parameters(redactor, findings, 0..findings.bytes().len());
}

/// Finds credentials before the host, parameters of query and fragment, and encoded secrets.
pub(crate) fn find_in_url(redactor: &Redactor, findings: &mut Findings<'_>) {
    let bytes = findings.bytes();
    let fragment = memchr::memchr(b'#', bytes).unwrap_or(bytes.len());
    let query = memchr::memchr(b'?', part(bytes, 0..fragment)).unwrap_or(fragment);
    // With a scheme before it, rules for text find it.
    if bytes.starts_with(b"//")
        && let Some(userinfo) = detect::userinfo(bytes, 2)
    {
        findings.add(userinfo);
    }
    for segment in split(bytes, 0..query, b'/') {
        if hides_secret(redactor, part(bytes, segment.clone())) {
            findings.add(segment);
        }
    }
    find_parameters(redactor, findings, query + 1..fragment);
    find_parameters(redactor, findings, fragment + 1..bytes.len());
}

/// Whether a query parameter of exactly this name holds a signature or a credential.
pub(crate) fn is_sensitive_parameter(name: &[u8]) -> bool {
    SIGNED_URLS
        .iter()
        .chain(LOWER_CASE)
        .any(|parameter| parameter.as_bytes() == name)
}

fn find_parameters(redactor: &Redactor, findings: &mut Findings<'_>, range: Range<usize>) {
    let bytes = findings.bytes();
    if range.start >= range.end {
        return;
    }
    // A code alone is a country's or a voucher's; beside a state it signs somebody in (RFC 6749,
    // section 4.1.2).
    let has_state = split(bytes, range.clone(), b'&')
        .any(|parameter| part(bytes, parameter).starts_with(b"state="));
    for parameter in split(bytes, range, b'&') {
        let Some(equals) = memchr::memchr(b'=', part(bytes, parameter.clone())) else {
            if hides_secret(redactor, part(bytes, parameter.clone())) {
                findings.add(parameter);
            }
            continue;
        };
        let name = part(bytes, parameter.start..parameter.start + equals);
        let value = parameter.start + equals + 1..parameter.end;
        let signs_in = has_state && name == b"code";
        if signs_in
            || has_sensitive_name(redactor, name)
            || hides_secret(redactor, part(bytes, value.clone()))
        {
            findings.add(value);
        }
    }
}

fn has_sensitive_name(redactor: &Redactor, name: &[u8]) -> bool {
    let decide = |name: &[u8]| redactor.fields().is_sensitive(name) || is_sensitive_parameter(name);
    if !percent::is_encoded(name) {
        return decide(name);
    }
    let mut buffer = [0; BUFFER];
    match percent::decode_into(name, &mut buffer) {
        Some(name) => decide(name),
        // A name that long is an attack or an accident.
        None => true,
    }
}

/// Whether the text rules find something in the text once its percent-encoding is undone.
fn hides_secret(redactor: &Redactor, text: &[u8]) -> bool {
    if !percent::is_encoded(text) {
        return false;
    }
    let mut buffer = [0; BUFFER];
    let long;
    let decoded = match percent::decode_into(text, &mut buffer) {
        Some(decoded) => decoded,
        None => {
            long = percent::decode(text).collect::<Vec<_>>();
            &long
        }
    };
    redactor.finds_secret(decoded)
}

fn split(bytes: &[u8], range: Range<usize>, separator: u8) -> impl Iterator<Item = Range<usize>> {
    let mut start = Some(range.start);
    std::iter::from_fn(move || {
        let from = start?;
        let rest = part(bytes, from..range.end);
        spend(rest.len().min(1));
        let end = memchr::memchr(separator, rest).map_or(range.end, |offset| from + offset);
        start = (end < range.end).then_some(end + 1);
        Some(from..end)
    })
}

/// Longer encoded values are decoded on the heap.
const BUFFER: usize = 1_024;

/// OpenTelemetry semantic conventions, `url.query`: redacted by default, compared exactly.
const SIGNED_URLS: &[&str] = &[
    "X-Amz-Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "AWSAccessKeyId",
    "Signature",
    "sig",
    "X-Goog-Signature",
];

/// Spellings that the conventions leave out.
const LOWER_CASE: &[&str] = &["signature", "x-amz-signature", "x-goog-signature"];
