//! Finds the marks that options, closing tags and strings of SQL start with, for their rules.

use memchr::memchr3;

use super::{anchor::Place, element, option, statement};
use crate::{
    field::FieldRules,
    findings::Findings,
    scan::{at, part, run_end},
};

/// Finds values that follow their name without a separator.
///
/// Three single bytes are found several times as fast as words such as `--password` in any case.
pub(crate) fn find_marked(findings: &mut Findings<'_>, rules: &FieldRules) {
    let bytes = findings.bytes();
    let mut done = 0;
    let mut from = 0;
    let mut last_tag = None;
    while let Some(offset) = memchr3(b'-', b'<', b'\'', part(bytes, from..bytes.len())) {
        let start = from + offset;
        let place = Place {
            bytes,
            done,
            literal: start..start + 2,
        };
        from = start + 1;
        let secret = match (at(bytes, start), at(bytes, start + 1)) {
            (b'-', b'-') => {
                from = run_end(bytes, start, |byte| byte == b'-');
                option::verify_long(&place, rules)
            }
            (b'-', b'u' | b'U') => option::verify_user(&place),
            (b'<', b'/') => element::verify(&place, rules),
            (b'<', _) => {
                last_tag = Some(start);
                None
            }
            (b'\'', _) => statement::verify_password(&place),
            _ => None,
        };
        if let Some(secret) = secret {
            done = secret.end;
            from = from.max(done);
            findings.add(secret);
        }
    }
    let cut = last_tag.and_then(|tag| element::cut(bytes, tag, rules));
    if let Some(secret) = cut.filter(|secret| secret.start >= done) {
        findings.add(secret);
    }
}
