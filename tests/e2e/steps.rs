//! The steps of a reader's journey, with errors in it.

use obs_tests::{
    http::{Answer, Request},
    service::Service,
};

/// One step: what is asked, and what the signals must say of it.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) query: Option<&'static str>,
    /// The route template; `None` where nothing is at the path.
    pub(crate) route: Option<&'static str>,
    pub(crate) status: u16,
    pub(crate) request_id: Option<&'static str>,
    pub(crate) caller: Option<Caller>,
    /// Whether the answer needs the database.
    pub(crate) reads: bool,
    pub(crate) content_length: Option<&'static str>,
}

/// The trace context that a client sends.
#[derive(Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) trace_id: &'static str,
    pub(crate) span_id: &'static str,
    pub(crate) sampled: bool,
}

impl Caller {
    fn header(self) -> String {
        let flags = if self.sampled { "01" } else { "00" };
        format!("00-{}-{}-{flags}", self.trace_id, self.span_id)
    }
}

impl Step {
    fn get(name: &'static str, path: impl Into<String>, status: u16) -> Self {
        Self {
            name,
            method: "GET",
            path: path.into(),
            query: None,
            route: Some(RECIPES),
            status,
            request_id: None,
            caller: None,
            reads: true,
            content_length: None,
        }
    }

    fn request(&self) -> Request {
        let target = match self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        };
        let mut request = Request::new(self.method, target).header("User-Agent", USER_AGENT);
        if let Some(id) = self.request_id {
            request = request.header("X-Request-ID", id);
        }
        if let Some(caller) = self.caller {
            request = request.header("traceparent", caller.header());
        }
        if let Some(length) = self.content_length {
            request = request.header("Content-Length", length);
        }
        request
    }

    /// A caller that did not sample keeps the spans away, and nothing else.
    pub(crate) fn is_sampled(&self) -> bool {
        self.caller.is_none_or(|caller| caller.sampled)
    }
}

/// A step that was taken.
pub(crate) struct Taken {
    pub(crate) step: Step,
    pub(crate) answer: Answer,
}

impl Taken {
    pub(crate) fn id(&self) -> &str {
        self.answer.request_id()
    }
}

/// Takes every step, each on a connection of its own.
pub(crate) fn travel(service: &Service) -> Vec<Taken> {
    let list = service.ask(&list_step().request());
    let recipe = list.json()["data"][0]["id"].as_str().unwrap().to_owned();
    let first = Taken {
        step: list_step(),
        answer: list,
    };
    let rest = steps(&recipe).into_iter().map(|step| Taken {
        answer: service.ask(&step.request()),
        step,
    });
    std::iter::once(first).chain(rest).collect()
}

fn list_step() -> Step {
    Step {
        query: Some("limit=3"),
        ..Step::get("list", RECIPES, 200)
    }
}

fn steps(recipe: &str) -> Vec<Step> {
    let recipe_path = format!("{RECIPES}/{recipe}");
    vec![
        Step {
            query: Some("q=lemon"),
            ..Step::get("search", RECIPES, 200)
        },
        Step {
            route: Some(RECIPE),
            request_id: Some("reader-42"),
            caller: Some(SAMPLED_CALLER),
            ..Step::get("open, for a caller that samples", &recipe_path, 200)
        },
        Step {
            route: Some(RECIPE),
            caller: Some(UNSAMPLED_CALLER),
            ..Step::get("open, for a caller that does not", &recipe_path, 200)
        },
        Step {
            route: Some(RECIPE),
            ..Step::get("unknown id", format!("{RECIPES}/{UNKNOWN_ID}"), 404)
        },
        Step {
            query: Some("limit=many"),
            caller: Some(OTHER_CALLER),
            reads: false,
            ..Step::get("malformed query", RECIPES, 400)
        },
        Step {
            method: "POST",
            content_length: Some("2097152"),
            reads: false,
            ..Step::get("body too large", RECIPES, 413)
        },
        Step {
            route: None,
            reads: false,
            ..Step::get("nothing there", "/nowhere", 404)
        },
    ]
}

const RECIPES: &str = "/api/v1/recipes";
const RECIPE: &str = "/api/v1/recipes/{id}";
const UNKNOWN_ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
pub(crate) const USER_AGENT: &str = "reader/1.0";

const SAMPLED_CALLER: Caller = Caller {
    trace_id: "4bf92f3577b34da6a3ce929d0e0e4736",
    span_id: "00f067aa0ba902b7",
    sampled: true,
};

pub(crate) const UNSAMPLED_CALLER: Caller = Caller {
    trace_id: "1bf92f3577b34da6a3ce929d0e0e4731",
    span_id: "10f067aa0ba902b1",
    sampled: false,
};

const OTHER_CALLER: Caller = Caller {
    trace_id: "2bf92f3577b34da6a3ce929d0e0e4732",
    span_id: "20f067aa0ba902b2",
    sampled: true,
};
