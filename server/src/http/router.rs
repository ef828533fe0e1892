//! Which URL leads where.

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderValue, StatusCode},
    middleware,
    response::IntoResponse,
    routing::{any, get, post, put},
};

use super::{
    App, backup, call, caller, compress, database, health, identity, logs, metrics, names, openapi, publish,
    route, schema, sql, upgrade, view,
};

/// The content type of all JSON. SpacetimeDB's command line compares it as a whole, so it has no parameters.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// All routes.
pub(crate) fn router(app: Arc<App>) -> Router {
    // These answer with the identity of the caller, who gets one if it has none.
    let identified = Router::new()
        .route("/v1/database", post(publish::create))
        .route("/v1/database/{db}", put(publish::publish).get(database::info).delete(database::delete))
        .route("/v1/database/{db}/reset", put(publish::reset))
        .route("/v1/database/{db}/lock", post(database::lock))
        .route("/v1/database/{db}/unlock", post(database::unlock))
        .route("/v1/database/{db}/pre_publish", post(upgrade::pre_publish))
        .route("/v1/database/{db}/programs", get(upgrade::programs))
        .route("/v1/database/{db}/pre_rollback", post(upgrade::pre_rollback))
        .route("/v1/database/{db}/rollback", post(upgrade::rollback))
        .route("/v1/database/{db}/backup", get(backup::backup))
        .route("/v1/database/{db}/restore", post(backup::restore))
        .route("/v1/database/{db}/names", get(names::list).post(names::add).put(names::replace))
        .route("/v1/database/{db}/identity", get(database::identity))
        .route("/v1/database/{db}/unstable/timestamp", get(database::timestamp))
        .route("/v1/database/{db}/call/{function}", post(call::call))
        .route("/v1/database/{db}/sql", post(sql::sql))
        .route("/v1/database/{db}/schema", get(schema::schema))
        .route("/v1/database/{db}/logs", get(logs::logs))
        .layer(middleware::from_fn_with_state(app.clone(), caller::identify))
        .layer(middleware::from_fn(compress::compress_json));

    Router::new()
        .route("/v1/database/{db}/view/{view}", get(view::view).post(view::view))
        .route("/v1/database/{db}/openapi.json", get(openapi::openapi))
        .route("/v1/database/{db}/docs", get(openapi::page))
        .route("/v1/database/{db}/route", any(route::empty))
        .route("/v1/database/{db}/route/", any(route::slash))
        .route("/v1/database/{db}/route/{*path}", any(route::below))
        .route("/v1/identity", post(identity::create))
        .route("/v1/identity/public-key", get(identity::public_key))
        .route("/v1/identity/websocket-token", post(identity::websocket_token))
        .route("/v1/identity/{identity}/verify", get(identity::verify))
        .route("/v1/identity/{identity}/databases", get(identity::databases))
        .route("/v1/ping", get(health::ping))
        .route("/v1/health", get(health::health))
        .route("/v1/metrics", get(metrics::metrics))
        .route("/metrics", get(metrics::metrics))
        .merge(identified)
        .fallback(async || (StatusCode::NOT_FOUND, "There is nothing at this URL.").into_response())
        .method_not_allowed_fallback(async || {
            (StatusCode::METHOD_NOT_ALLOWED, "This URL does not take that method.").into_response()
        })
        .with_state(app)
}
