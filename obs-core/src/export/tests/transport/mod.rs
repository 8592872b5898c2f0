//! Requests against servers and proxies that behave in every way.

mod arrival;
mod authority;
mod proxies;
mod servers;
mod tls;
mod variables;
mod wrong_port;
