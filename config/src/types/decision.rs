//! The decision service.

use std::net::SocketAddr;

use ipnet::IpNet;

#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Decision {
    /// Where other proxies ask; empty: nowhere.
    pub listen: Vec<SocketAddr>,
    /// Who may ask. Empty: this machine alone, and then every listener is on a loopback address (that is checked).
    pub allow: Vec<IpNet>,
}
