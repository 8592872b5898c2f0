//! Secrets in every place of a request that a client can choose.

use obs_tests::{
    http::Request,
    secret::{self, Secret},
};
use serde_json::json;

/// A request with a secret in it.
pub(crate) struct Planted {
    /// Where the secret is, `{}` standing for it.
    pub(crate) place: String,
    pub(crate) secret: Secret,
    pub(crate) request: Request,
    /// The status of the answer.
    pub(crate) status: u16,
}

impl Planted {
    fn at(place: impl Into<String>, secret: Secret, request: Request, status: u16) -> Self {
        let place: String = place.into();
        let place = format!("{place:.60}, answered {status}");
        Self {
            place,
            secret,
            request,
            status,
        }
    }

    fn in_target(template: &str, secret: Secret, status: u16) -> Self {
        let request = Request::get(template.replace("{}", secret.text()));
        Self::at(template, secret, request, status)
    }

    /// The same with every character of the secret percent-encoded.
    fn encoded_in_target(template: &str, secret: Secret, status: u16) -> Self {
        let encoded = secret::percent_encoded(secret.text());
        let request = Request::get(template.replace("{}", &encoded));
        let place = format!("{template}, percent-encoded");
        Self::at(place, secret.also_as(encoded), request, status)
    }
}

/// All of them; `recipe` is the path of a recipe that exists.
pub(crate) fn everywhere(recipe: &str) -> Vec<Planted> {
    let mut planted = in_headers(recipe);
    planted.extend(in_queries(recipe));
    planted.extend(in_searches());
    planted.extend(in_paths());
    planted.extend(in_bodies_and_methods());
    planted
}

/// Headers, in requests that end in each of the ways that there are.
fn in_headers(recipe: &str) -> Vec<Planted> {
    let too_large = Request::new("POST", "/api/v1/recipes").header("Content-Length", "2097152");
    let requests = [
        (Request::get(recipe), 200),
        (Request::get("/nowhere"), 404),
        (Request::get("/api/v1/recipes?limit=many"), 400),
        (too_large, 413),
    ];
    let mut planted = Vec::new();
    for (request, status) in &requests {
        for (secret, name, template) in HEADERS {
            let secret = secret();
            let value = template.replace("{}", secret.text());
            let request = match name {
                // Only beside a valid parent is the state looked at.
                "tracestate" => request.clone().header("traceparent", PARENT),
                _ => request.clone(),
            };
            let place = format!("{name}: {template}");
            planted.push(Planted::at(
                place,
                secret,
                request.header(name, value),
                *status,
            ));
        }
        planted.extend(in_odd_headers(request, *status));
    }
    planted
}

/// Header values that are encoded, no text, or as long as fits.
fn in_odd_headers(request: &Request, status: u16) -> Vec<Planted> {
    let [basic, no_text, no_text_key, cut] = [(); 4].map(|()| Secret::unknown());
    let pair = secret::base64(format!("cook:{}", basic.text()).as_bytes());
    let with = |name, value: Vec<u8>| request.clone().header(name, value);
    let basic_request = with("Authorization", format!("Basic {pair}").into_bytes());
    let no_text_value = [b"Bearer \xff\xfe", no_text.text().as_bytes()].concat();
    let no_text_key_value = [b"\xff", no_text_key.text().as_bytes()].concat();
    // The value is cut somewhere for the log, and what is left of the secret has to go too.
    let agents = (0..=32).step_by(8).map(|left| {
        let secret = Secret::github();
        let agent = format!(
            "{} {}",
            "x".repeat(MAX_USER_AGENT - 1 - left),
            secret.text()
        );
        let place = format!("User-Agent, {left} bytes before the cut");
        Planted::at(
            place,
            secret,
            with("User-Agent", agent.into_bytes()),
            status,
        )
    });
    let cut_value = format!(
        "{} password={}",
        "x".repeat(MAX_USER_AGENT - 26),
        cut.text()
    );
    let mut planted = vec![
        Planted::at(
            "Authorization: Basic",
            basic.also_as(pair),
            basic_request,
            status,
        ),
        Planted::at(
            "Authorization that is no text",
            no_text,
            with("Authorization", no_text_value),
            status,
        ),
        Planted::at(
            "X-Api-Key that is no text",
            no_text_key,
            with("X-Api-Key", no_text_key_value),
            status,
        ),
        Planted::at(
            "User-Agent, password at the cut",
            cut,
            with("User-Agent", cut_value.into_bytes()),
            status,
        ),
    ];
    planted.extend(agents);
    planted
}

/// Parameters whose names say that they are secret.
fn in_queries(recipe: &str) -> Vec<Planted> {
    let mut planted = Vec::new();
    for name in SENSITIVE_NAMES {
        for (base, status) in [("/nowhere", 404), ("/api/v1/recipes", 400), (recipe, 400)] {
            let alone = format!("{base}?{name}={{}}");
            let among_others = format!("{base}?a=b&{name}={{}}&c=d");
            planted.push(Planted::in_target(&alone, Secret::unknown(), status));
            planted.push(Planted::in_target(&among_others, Secret::unknown(), status));
            planted.push(Planted::encoded_in_target(
                &alone,
                Secret::unknown(),
                status,
            ));
        }
    }
    planted
}

/// A search for a secret is a valid search.
fn in_searches() -> Vec<Planted> {
    let mut planted = Vec::new();
    for template in ["{}", "soup+{}+x", "password%3D{}", "Bearer+{}"] {
        let target = format!("/api/v1/recipes?q={template}");
        for secret in [
            Secret::github,
            Secret::stripe,
            Secret::aws,
            Secret::jwt,
            Secret::card,
        ] {
            planted.push(Planted::in_target(&target, secret(), 200));
            planted.push(Planted::encoded_in_target(&target, secret(), 200));
        }
    }
    for template in [
        "password%3D{}",
        "Authorization%3A%20Bearer%20{}",
        "api_key%3A+{}",
    ] {
        let target = format!("/api/v1/recipes?q={template}");
        planted.push(Planted::in_target(&target, Secret::unknown(), 200));
    }
    planted
}

fn in_paths() -> Vec<Planted> {
    let mut planted = Vec::new();
    for secret in [Secret::github, Secret::stripe, Secret::aws, Secret::jwt] {
        for (template, status) in [
            ("/reset/{}", 404),
            ("/files/{}/image.png", 404),
            ("/api/v1/recipes/{}", 400),
            ("/api/v1/recipes?tag={}&limit=many", 400),
        ] {
            planted.push(Planted::in_target(template, secret(), status));
            planted.push(Planted::encoded_in_target(template, secret(), status));
        }
        // Cut for the log, so that the end of the key is missing there.
        let long = format!("/{}/{{}}", "x".repeat(MAX_PATH - 2 - 18));
        planted.push(Planted::in_target(&long, secret(), 404));
    }
    for (template, status) in [
        ("http://cook:{}@localhost/api/v1/recipes", 200),
        ("http://cook:{}@localhost/nowhere", 404),
    ] {
        planted.push(Planted::in_target(template, Secret::unknown(), status));
    }
    planted
}

fn in_bodies_and_methods() -> Vec<Planted> {
    let body_to = |target, length: Option<&str>, status| {
        let secret = Secret::unknown();
        let body = json!({ "password": secret.text(), "user": { "apiKey": secret.text() } });
        let request = Request::new("POST", target).header("Content-Type", "application/json");
        let request = match length {
            Some(length) => request.header("Content-Length", length),
            None => request,
        };
        Planted::at("body", secret, request.body(body.to_string()), status)
    };
    let mut planted = vec![
        body_to("/api/v1/recipes", None, 405),
        body_to("/nowhere", None, 404),
        body_to("/api/v1/recipes", Some("2097152"), 413),
    ];
    for secret in [Secret::aws(), Secret::github()] {
        let request = Request::new(secret.text(), "/api/v1/recipes");
        planted.push(Planted::at("method", secret, request, 405));
    }
    planted
}

/// A kind of secret, the header that it is sent in, and where in its value.
type Header = (fn() -> Secret, &'static str, &'static str);

const HEADERS: [Header; 25] = [
    (Secret::unknown, "Authorization", "Bearer {}"),
    (Secret::unknown, "authorization", "bearer {}"),
    (Secret::unknown, "Authorization", "Recipes {}"),
    (Secret::jwt, "Authorization", "Bearer {}"),
    (Secret::unknown, "Proxy-Authorization", "Bearer {}"),
    (Secret::unknown, "Cookie", "theme=dark; session={}"),
    (Secret::unknown, "X-Api-Key", "{}"),
    (Secret::unknown, "X-Auth-Token", "{}"),
    (Secret::unknown, "X-CSRF-Token", "{}"),
    (Secret::unknown, "User-Agent", "reader/1 Bearer {}"),
    (Secret::unknown, "User-Agent", "reader/1 password={}"),
    (Secret::stripe, "User-Agent", "reader/1 ({})"),
    (Secret::unknown, "Referer", "http://x.example/?token={}"),
    (Secret::github, "X-Request-ID", "{}"),
    (Secret::jwt, "X-Request-ID", "{}"),
    (Secret::unknown, "X-Request-ID", "password={}"),
    (Secret::unknown, "X-Request-ID", "password {}"),
    (Secret::unknown, "traceparent", "00-{}-01"),
    (Secret::github, "tracestate", "vendor={}"),
    (Secret::unknown, "tracestate", "password={}"),
    (Secret::unknown, "baggage", "session_token={},a=b"),
    (Secret::unknown, "Host", "cook:{}@localhost"),
    (Secret::aws, "Host", "{}.example"),
    (Secret::unknown, "Forwarded", "for=192.0.2.1;secret={}"),
    (Secret::unknown, "If-None-Match", "\"{}\""),
];

/// A valid `traceparent` of a caller that samples.
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Where the observed user agent is cut, in bytes.
const MAX_USER_AGENT: usize = 256;

/// Where the observed path is cut, in bytes.
const MAX_PATH: usize = 2048;

/// Names of query parameters, also as a server decodes them.
const SENSITIVE_NAMES: [&str; 14] = [
    "password",
    "access_token",
    "api_key",
    "apiKey",
    "client_secret",
    "refresh-token",
    "X-Amz-Signature",
    "X-Amz-Security-Token",
    "sig",
    "user%5Bpassword%5D",
    "%70assword",
    "api%5Fkey",
    "API%5FKEY",
    "%61%63%63%65%73%73%5f%74%6f%6b%65%6e",
];
