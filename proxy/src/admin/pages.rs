//! The operator's pages: an index of rooms and one live page per room. What is served here holds no figures: the page
//! asks for the token once, keeps it for as long as the tab lives, and reads the API with it. A coming console replaces
//! the files in `assets/`, not this.

use axum::extract::Path;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use minijinja::{Environment, context};
use stanchion_admission::ids::RoomName;

use super::problem::Problem;

const PAGE: &str = include_str!("assets/page.html");
const SCRIPT: &str = include_str!("assets/admin.js");
const STYLE: &str = include_str!("assets/admin.css");
const ICON: &str = include_str!("assets/icon.svg");

/// Every room at a glance.
#[utoipa::path(get, path = "/", tag = "pages", security(()), responses(
    (status = 200, description = "A page that reads the API", content_type = "text/html", body = String),
))]
pub async fn index() -> Response {
    page("")
}

/// One room, live, with its controls. The same page for a name that is not configured: only the API knows.
#[utoipa::path(get, path = "/rooms/{room}", tag = "pages", security(()), params(("room" = String, Path, description = "The room's name")), responses(
    (status = 200, description = "A page that reads the API", content_type = "text/html", body = String),
    (status = 404, description = "No name of a room", body = Problem, content_type = "application/problem+json"),
))]
pub async fn room(Path(room): Path<String>) -> Response {
    match RoomName::new(&room) {
        Some(name) => page(name.as_str()),
        None => Problem::no_such_room().into_response(),
    }
}

pub async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT).into_response()
}

pub async fn icon() -> Response {
    ([(header::CONTENT_TYPE, "image/svg+xml")], ICON).into_response()
}

pub async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

fn page(room: &str) -> Response {
    let mut templates = Environment::new();
    let rendered = templates
        .add_template("page.html", PAGE)
        .and_then(|()| templates.get_template("page.html"))
        .and_then(|template| template.render(context! { room, version => env!("CARGO_PKG_VERSION") }));
    match rendered {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "admin: the page's template is broken");
            Problem::not_found().into_response()
        }
    }
}
