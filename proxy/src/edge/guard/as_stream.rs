//! What Pingora asks of a stream beyond bytes. Addresses and TLS are known to the edge, and not told through here.

use std::sync::Arc;

use async_trait::async_trait;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest, UniqueID,
    UniqueIDType,
};

use super::stream::GuardStream;

#[async_trait]
impl Shutdown for GuardStream {
    async fn shutdown(&mut self) {
        self.close_gently().await;
    }
}

impl UniqueID for GuardStream {
    fn id(&self) -> UniqueIDType {
        self.id()
    }
}

impl Ssl for GuardStream {}
impl Peek for GuardStream {}

impl GetTimingDigest for GuardStream {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetProxyDigest for GuardStream {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        None
    }
}

impl GetSocketDigest for GuardStream {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        None
    }
}
