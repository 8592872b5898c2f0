//! Request headers from the environment: `key=value` lists and Basic credentials.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use super::endpoint::percent_decode;

/// Reads `key=value,key=value`, values percent-encoded.
///
/// What is right is kept; what is not is told by its place in the list, since its text may be a
/// secret that was put there in the wrong form.
pub(super) fn parse(list: &str) -> (HeaderMap, Vec<String>) {
    let mut headers = HeaderMap::new();
    let mut problems = Vec::new();
    for (index, member) in list.split(',').enumerate() {
        if member.trim().is_empty() {
            continue;
        }
        match parse_member(member) {
            Ok((name, value)) => {
                headers.insert(name, value);
                if has_stray_percent(member) {
                    let problem = "has a `%` that escapes nothing (%25 is a percent sign)";
                    problems.push(format!("entry {} {problem}", index + 1));
                }
            }
            Err(problem) => problems.push(format!("entry {} {problem}", index + 1)),
        }
    }
    (headers, problems)
}

/// The value of an `Authorization` header of scheme Basic.
pub(super) fn basic(user: &[u8], password: &[u8]) -> String {
    format!("Basic {}", base64(&[user, b":", password].concat()))
}

/// A header value that is never printed.
pub(super) fn secret(value: &[u8]) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_bytes(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What a server must not make us say: the values of headers, and what stands in them. Short ones
/// are no secrets, and would be found everywhere.
pub(super) fn secrets<'h>(values: impl Iterator<Item = &'h HeaderValue>) -> Vec<String> {
    let mut secrets = Vec::new();
    for value in values.filter(|value| value.is_sensitive()) {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        // `Basic dXNlcjpwYXNz`, `Bearer token`, `Api-Token token`.
        if let Some((scheme, rest)) = value.split_once(' ') {
            let decoded = from_base64(rest).filter(|_| scheme.eq_ignore_ascii_case("basic"));
            let decoded = decoded.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            if let Some(pair) = decoded {
                secrets.extend(
                    pair.split_once(':')
                        .map(|(_, password)| password.to_owned()),
                );
                secrets.push(pair);
            }
            secrets.push(rest.to_owned());
        }
        secrets.push(value);
    }
    secrets.retain(|secret| secret.len() >= MIN_SECRET);
    // A longer one may contain a shorter one.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

/// Undoes `base64`, with or without padding.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut group, mut bits) = (0_u32, 0);
    for symbol in text.trim_end_matches('=').bytes() {
        let digit = BASE64.iter().position(|known| *known == symbol)?;
        group = group << 6 | u32::try_from(digit).ok()?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((group >> bits) as u8);
        }
    }
    Some(bytes)
}

fn parse_member(member: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    // The first `=` divides: the padding of Base64 belongs to the value.
    let (name, value) = member.split_once('=').ok_or("has no `=`")?;
    let name =
        HeaderName::from_bytes(&percent_decode(name.trim())).map_err(|_| "has no valid name")?;
    if FRAMING.contains(&name.as_str()) {
        return Err("names a header that the sender sets itself");
    }
    let value = secret(&percent_decode(value.trim())).ok_or("has no valid value")?;
    Ok((name, value))
}

/// Whether a percent sign stands before anything but two hexadecimal digits. It is sent as it is:
/// who forgot to encode a password meant just that.
fn has_stray_percent(text: &str) -> bool {
    text.split('%').skip(1).any(|after| {
        let digits = after.bytes().take(2).filter(u8::is_ascii_hexdigit);
        digits.count() < 2
    })
}

/// The standard alphabet with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    let mut encoded = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0_u32, |group, byte| group << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = (group >> (18 - 6 * place)) & 0x3f;
            let symbol = BASE64.get(digit as usize).copied().unwrap_or(b'=');
            encoded.push(if place <= chunk.len() {
                symbol.into()
            } else {
                '='
            });
        }
    }
    encoded
}

const MIN_SECRET: usize = 5;
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Headers that describe the message itself.
const FRAMING: [&str; 6] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_follows_the_vectors_of_rfc_4648() {
        let check = |text: &str, expected: &str| assert_eq!(base64(text.as_bytes()), expected);
        check("", "");
        check("f", "Zg==");
        check("fo", "Zm8=");
        check("foo", "Zm9v");
        check("foob", "Zm9vYg==");
        check("fooba", "Zm9vYmE=");
        check("foobar", "Zm9vYmFy");
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
        assert_eq!(from_base64("+//+").unwrap(), [0xfb, 0xff, 0xfe]);
        for text in ["", "f", "fo", "foo", "foob"] {
            let decoded = from_base64(&base64(text.as_bytes()));
            assert_eq!(decoded.unwrap(), text.as_bytes());
        }
        assert_eq!(from_base64("Zm9*"), None);
    }

    #[test]
    fn whatever_stands_in_a_secret_header_is_a_secret() {
        let (headers, _) =
            parse("authorization=Basic%20cm9vdDpodW50ZXIy,x-team=blue,x-key=k3y-of-ours");
        let secrets = secrets(headers.values());
        let expected = [
            "Basic cm9vdDpodW50ZXIy",
            "cm9vdDpodW50ZXIy",
            "root:hunter2",
            "k3y-of-ours",
            "hunter2",
        ];
        assert_eq!(secrets, expected);
    }

    #[test]
    fn a_percent_sign_that_escapes_nothing_is_told_and_sent() {
        let (headers, problems) = parse("a=50%,b=%ZZ,c=%41%2C");
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert_eq!(headers["a"], "50%");
        assert_eq!(headers["c"], "A,");
    }

    #[test]
    fn headers_are_decoded_and_hidden() {
        let (headers, problems) =
            parse(" Authorization=Basic%20dTpw== , x-a = 1%2C2 ,,stream-name=logs");
        assert_eq!(problems, Vec::<String>::new());
        assert_eq!(headers["authorization"], "Basic dTpw==");
        assert_eq!(headers["x-a"], "1,2");
        assert_eq!(headers["stream-name"], "logs");
        assert!(!format!("{headers:?}").contains("dTpw"));
    }

    #[test]
    fn bad_headers_are_told_by_place_and_not_by_text() {
        let (headers, problems) = parse("s3cret,x=1,a b=s3cret,y=s3%0Acret,Host=s3cret,=s3cret");
        assert_eq!(headers.len(), 1);
        assert_eq!(problems.len(), 5);
        assert_eq!(problems[0], "entry 1 has no `=`");
        assert!(problems.iter().all(|problem| !problem.contains("s3cret")));
    }
}
