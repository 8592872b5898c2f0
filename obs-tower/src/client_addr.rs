//! The address of the peer that sent a request.

use std::net::{IpAddr, SocketAddr};

/// The socket address of the peer, as a request extension.
///
/// The server of this crate inserts it; with another server, insert it where the connection
/// is known. Forwarding headers are not consulted: anybody can send them.
///
/// # Examples
/// ```
/// use obs_tower::ClientAddr;
///
/// let client = ClientAddr::new("[::ffff:192.0.2.7]:5000".parse().unwrap());
/// assert_eq!(client.ip().to_string(), "192.0.2.7");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddr(SocketAddr);

impl ClientAddr {
    /// The address of a peer.
    #[must_use]
    pub fn new(peer: SocketAddr) -> Self {
        Self(peer)
    }

    /// The IP address; an IPv4 address that was mapped into IPv6 is unfolded.
    #[must_use]
    pub fn ip(self) -> IpAddr {
        self.0.ip().to_canonical()
    }

    /// The address as the socket reported it.
    #[must_use]
    pub fn socket_addr(self) -> SocketAddr {
        self.0
    }
}
