//! Which path leads where.

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::routing::get;
use tower_http::catch_panic::CatchPanicLayer;

use super::answer::Answer;
use super::notice::broken;
use super::site::Site;
use super::{clicks, health, joining, leaving, pages, preferences, web};
use crate::track::Counters;

/// All of them.
pub(super) fn routes(site: Arc<Site>) -> Router {
    let pages = Router::new()
        .route("/{issue}/unsubscribe/{token}", get(leaving::show).post(leaving::leave))
        .route("/{issue}/preferences/{token}", get(preferences::show).post(preferences::save))
        .route("/unsubscribe", get(leaving::where_to))
        .route("/preferences", get(leaving::where_to))
        .route("/subscribe", get(joining::show).post(joining::ask))
        .route("/subscribe/form", get(joining::form))
        .route("/confirm/{token}", get(joining::confirmation).post(joining::confirm))
        .route("/issues/{issue}", get(web::edition))
        .route("/style.css", get(pages::style))
        .fallback(nothing)
        .layer(from_fn_with_state(Arc::clone(&site), in_time));
    // No layer more than they need: these are asked for most.
    Router::new()
        .route("/{issue}/{place}/{token}", get(clicks::click))
        .route("/{issue}/open/{token}", get(clicks::open))
        .route("/health", get(health::health))
        .route("/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .merge(pages)
        .method_not_allowed_fallback(not_allowed)
        .layer(caught(Arc::clone(&site.counters)))
        .with_state(site)
}

/// What a mistake of ours costs: this one answer, which is counted as a failure and says what all answers say (requirement 49).
fn caught(
    counters: Arc<Counters>,
) -> CatchPanicLayer<impl Fn(Box<dyn Any + Send>) -> Answer + Clone + Send + Sync + 'static> {
    CatchPanicLayer::custom(move |_| broken(&counters))
}

/// Who waits for a store that does not answer is told to try again.
async fn in_time(State(site): State<Arc<Site>>, request: Request, next: Next) -> Answer {
    let path = request.uri().path().to_owned();
    match tokio::time::timeout(site.timeouts.answer, next.run(request)).await {
        Ok(answer) => answer,
        Err(_) => site.away(&path),
    }
}

async fn not_allowed(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let path = request.uri().path();
    site.notice(path, StatusCode::METHOD_NOT_ALLOWED, "unknown", &["unknown_why"])
}

async fn nothing(State(site): State<Arc<Site>>, request: Request) -> Answer {
    site.unknown(request.uri().path())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use axum::body::Body;
    use hyper::service::Service;
    use hyper_util::service::TowerToHyperService;

    use super::*;

    async fn faulty() {
        panic!("on purpose")
    }

    #[tokio::test]
    async fn a_panic_costs_one_answer_which_says_what_all_say_and_is_counted() {
        let counters = Arc::new(Counters::default());
        let routes: Router = Router::new().route("/", get(faulty)).layer(caught(Arc::clone(&counters)));
        let answer = TowerToHyperService::new(routes).call(Request::new(Body::empty())).await.unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert_eq!(counters.failures.load(Ordering::Relaxed), 1);
    }
}
