//! What a receiver does with a request that it has read.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::request::ReceivedRequest;

/// What a receiver does with a request once it has read all of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Reply {
    /// Answers; the request is taken if the status is one of success.
    Answer {
        /// The status code.
        status: u16,
        /// Headers beside the content type of OTLP, which a header of that name replaces.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// Takes nothing and resets the connection: to the client it is as if the answer was lost.
    ResetUntaken,
    /// Takes everything and resets the connection: the client cannot know that it arrived.
    ResetTaken,
    /// Takes nothing and closes the connection without an answer.
    Close,
    /// Takes nothing, writes these bytes instead of an answer, and closes the connection.
    Raw(Vec<u8>),
}

impl Reply {
    /// An answer of this status, and nothing more.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::answer(status, &[], b"")
    }

    /// An answer with headers and a body.
    #[must_use]
    pub fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self::Answer {
            status,
            headers: headers.iter().map(owned).collect(),
            body: body.to_vec(),
        }
    }
}

/// How requests are answered that the script has nothing for.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) reply: Reply,
    pub(super) rule: Option<Rule>,
}

impl Standing {
    /// What the rule says, and where it says nothing the same for all.
    pub(super) fn reply_to(self, request: &ReceivedRequest) -> Reply {
        let ruled = self.rule.and_then(|rule| (rule.0)(request));
        ruled.unwrap_or(self.reply)
    }
}

/// Whose answers are kept back.
#[derive(Clone, Default)]
pub(super) enum Held {
    #[default]
    None,
    All,
    /// Those of requests like these.
    Some(Arc<Choose>),
}

type Choose = dyn Fn(&ReceivedRequest) -> bool + Send + Sync;

impl Held {
    pub(super) fn holds(&self, request: &ReceivedRequest) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Some(choose) => choose(request),
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

/// Looks at a request and says what to do with it, if it is one of those that it is about.
#[derive(Clone)]
pub(super) struct Rule(pub(super) Arc<Decide>);

type Decide = dyn Fn(&ReceivedRequest) -> Option<Reply> + Send + Sync;

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule").finish_non_exhaustive()
    }
}

/// How a connection ends that gets no answer; it travels as the error of the service.
#[derive(Clone, Debug)]
pub(super) enum Ending {
    Reset,
    Close,
    Raw(Vec<u8>),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the connection ends as told: {self:?}")
    }
}

impl Error for Ending {}
