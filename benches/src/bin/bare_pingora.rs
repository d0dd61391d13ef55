//! Pingora with nothing on top: the yardstick. `proxy` forwards to one origin, `answer` answers by itself with
//! Pingora's own HTTP app. Built in the same workspace and profile as `stanchion`.

use std::net::SocketAddr;

use async_trait::async_trait;
use clap::{Parser, Subcommand};
use http::Response;
use pingora::apps::http_app::ServeHttp;
use pingora::http::ResponseHeader;
use pingora::prelude::*;
use pingora::protocols::http::ServerSession;
use pingora::server::configuration::ServerConf;
use pingora::services::listening::Service;

#[derive(Parser)]
struct Cli {
    #[arg(long)]
    listen: String,
    #[command(subcommand)]
    work: Work,
}

#[derive(Subcommand)]
enum Work {
    /// Forward everything to this origin.
    Proxy { origin: SocketAddr },
    /// Answer everything with a body of so many bytes.
    Answer { body_bytes: usize },
    /// Answer from the proxy's request filter, the other way to answer by itself.
    Filter { body_bytes: usize },
}

struct Forwarder {
    origin: SocketAddr,
    /// Answer in the filter instead of forwarding.
    own_answer: Option<Vec<u8>>,
}

#[async_trait]
impl ProxyHttp for Forwarder {
    type CTX = ();

    fn new_ctx(&self) -> Self::CTX {}

    async fn request_filter(&self, session: &mut Session, (): &mut Self::CTX) -> Result<bool> {
        let Some(body) = &self.own_answer else { return Ok(false) };
        let mut head = ResponseHeader::build(200, Some(4))?;
        head.insert_header("Content-Type", "application/json")?;
        head.insert_header("Cache-Control", "no-store")?;
        head.insert_header("Content-Length", body.len().to_string())?;
        session.write_response_header(Box::new(head), false).await?;
        session.write_response_body(Some(body.clone().into()), true).await?;
        Ok(true)
    }

    async fn upstream_peer(&self, _: &mut Session, (): &mut Self::CTX) -> Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.origin, false, String::new())))
    }
}

struct Answerer(Vec<u8>);

#[async_trait]
impl ServeHttp for Answerer {
    async fn response(&self, _: &mut ServerSession) -> Response<Vec<u8>> {
        let mut response = Response::new(self.0.clone());
        let headers = response.headers_mut();
        headers.insert("content-type", http::HeaderValue::from_static("application/json"));
        headers.insert("cache-control", http::HeaderValue::from_static("no-store"));
        headers.insert("content-length", http::HeaderValue::from(self.0.len()));
        response
    }
}

/// As Stanchion has it.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    // A polite end is a quick one.
    let conf = ServerConf {
        grace_period_seconds: Some(0),
        graceful_shutdown_timeout_seconds: Some(1),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let forwarder = |origin, own_answer| Forwarder { origin, own_answer };
    match cli.work {
        Work::Proxy { origin } => {
            let mut service = http_proxy_service(&server.configuration, forwarder(origin, None));
            service.add_tcp(&cli.listen);
            server.add_service(service);
        }
        Work::Filter { body_bytes } => {
            let filter = forwarder(SocketAddr::from(([127, 0, 0, 1], 9)), Some(vec![b'x'; body_bytes]));
            let mut service = http_proxy_service(&server.configuration, filter);
            service.add_tcp(&cli.listen);
            server.add_service(service);
        }
        Work::Answer { body_bytes } => {
            let app = pingora::apps::http_app::HttpServer::new_app(Answerer(vec![b'x'; body_bytes]));
            let mut service = Service::new("answer".to_owned(), app);
            service.add_tcp(&cli.listen);
            server.add_service(service);
        }
    }
    server.run_forever()
}
