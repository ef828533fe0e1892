//! Compiles, but declares two tables that end up with one name once names are converted to snake case.

/// Becomes `player_1`.
#[spacetimedb::table(accessor = player1)]
pub struct First {
    #[primary_key]
    id: u64,
}

/// Is `player_1`.
#[spacetimedb::table(accessor = player_1)]
pub struct Second {
    #[primary_key]
    id: u64,
}
