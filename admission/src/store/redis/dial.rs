//! Opens connections: to one server, to a cluster, or to the master that the sentinels name. I/O only;
//! what a connection is used for is somebody else's business.

use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo,
    RedisResult, TlsCertificates, Value,
};

use super::url::{Credentials, Endpoint, StoreUrl, Topology};

/// To open a connection, TLS and login included.
const CONNECT_WITHIN: Duration = Duration::from_millis(500);
/// A backstop below our own deadlines, which drop a call's future but not its place in the pipeline.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Commands that wait to be written to a connection; the caller's own bound is lower or equal.
const PIPELINE: usize = 256;

/// An open connection; clones share it.
#[derive(Clone)]
pub(super) enum Wire {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Wire {
    pub async fn run(&mut self, cmd: &Cmd) -> RedisResult<Value> {
        match self {
            Wire::One(connection) => connection.req_packed_command(cmd).await?.extract_error(),
            Wire::Cluster(connection) => connection.req_packed_command(cmd).await?.extract_error(),
        }
    }

    /// What each server (in a cluster: each master) says of itself.
    pub async fn info(&mut self) -> RedisResult<Vec<String>> {
        let answer = self.run(&redis::cmd("INFO")).await?;
        let mut texts = Vec::new();
        collect_texts(&answer, &mut texts);
        Ok(texts)
    }
}

/// Knows the way to a store.
pub(super) struct Dialer {
    pub url: StoreUrl,
    pub tls: Option<TlsCertificates>,
    /// Who we are at the sentinels; they have users of their own.
    pub sentinel: Credentials,
}

impl Dialer {
    /// A fresh connection as `who`.
    pub async fn dial(&self, who: &Credentials) -> RedisResult<Wire> {
        match &self.url.topology {
            Topology::Single(endpoint) => self.dial_one(self.address(endpoint), who).await,
            Topology::Unix(path) => self.dial_one(ConnectionAddr::Unix(path.clone()), who).await,
            Topology::Cluster(endpoints) => self.dial_cluster(endpoints, who).await,
            Topology::Sentinel { sentinels, master } => {
                let endpoint = self.ask_sentinels(sentinels, master).await?;
                self.dial_one(self.address(&endpoint), who).await
            }
        }
    }

    async fn dial_one(&self, address: ConnectionAddr, who: &Credentials) -> RedisResult<Wire> {
        self.open(address, who, i64::from(self.url.db)).await.map(Wire::One)
    }

    async fn open(&self, address: ConnectionAddr, who: &Credentials, db: i64) -> RedisResult<MultiplexedConnection> {
        let info = info(address, who, db)?;
        let client = match &self.tls {
            Some(certificates) if self.url.tls => Client::build_with_tls(info, certificates.clone())?,
            _ => Client::open(info)?,
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_WITHIN))
            .set_response_timeout(Some(ANSWER_WITHIN))
            .set_pipeline_buffer_size(PIPELINE);
        client.get_multiplexed_async_connection_with_config(&config).await
    }

    async fn dial_cluster(&self, endpoints: &[Endpoint], who: &Credentials) -> RedisResult<Wire> {
        let nodes = endpoints.iter().map(|endpoint| info(self.address(endpoint), who, 0));
        let mut builder = ClusterClientBuilder::new(nodes.collect::<RedisResult<Vec<_>>>()?)
            .retries(2)
            .min_retry_wait(2)
            .max_retry_wait(20)
            .connection_timeout(CONNECT_WITHIN)
            .response_timeout(ANSWER_WITHIN);
        if let Some(certificates) = self.tls.as_ref().filter(|_| self.url.tls) {
            builder = builder.certs(certificates.clone());
        }
        builder.build()?.get_async_connection().await.map(Wire::Cluster)
    }

    /// The first sentinel that answers decides; a wrong one is found out by the try-out that follows.
    async fn ask_sentinels(&self, sentinels: &[Endpoint], master: &str) -> RedisResult<Endpoint> {
        let mut last = no_master("no sentinel answers");
        for sentinel in sentinels {
            match self.ask_sentinel(sentinel, master).await {
                Ok(endpoint) => return Ok(endpoint),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn ask_sentinel(&self, sentinel: &Endpoint, master: &str) -> RedisResult<Endpoint> {
        let mut connection = self.open(self.address(sentinel), &self.sentinel, 0).await?;
        let mut question = redis::cmd("SENTINEL");
        question.arg("get-master-addr-by-name").arg(master);
        let answer: Option<(String, u16)> = question.query_async(&mut connection).await?;
        let (host, port) = answer.ok_or_else(|| no_master("a sentinel does not know the master's name"))?;
        Ok(Endpoint { host, port })
    }

    fn address(&self, endpoint: &Endpoint) -> ConnectionAddr {
        let Endpoint { host, port } = endpoint.clone();
        if self.url.tls {
            ConnectionAddr::TcpTls {
                host,
                port,
                insecure: false,
                tls_params: None,
            }
        } else {
            ConnectionAddr::Tcp(host, port)
        }
    }
}

/// A cluster answers with a map of node to text.
fn collect_texts(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::BulkString(text) => into.push(String::from_utf8_lossy(text).into_owned()),
        Value::VerbatimString { text, .. } => into.push(text.to_string()),
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, into)),
        Value::Map(pairs) => pairs.iter().for_each(|(_, item)| collect_texts(item, into)),
        _ => {}
    }
}

fn info(address: ConnectionAddr, who: &Credentials, db: i64) -> RedisResult<ConnectionInfo> {
    let mut login = RedisConnectionInfo::default().set_db(db).set_skip_set_lib_name();
    if let Some(user) = &who.user {
        login = login.set_username(user);
    }
    if let Some(password) = &who.password {
        login = login.set_password(password);
    }
    Ok(address.into_connection_info()?.set_redis_settings(login))
}

fn no_master(why: &'static str) -> redis::RedisError {
    (redis::ErrorKind::MasterNameNotFoundBySentinel, why).into()
}
