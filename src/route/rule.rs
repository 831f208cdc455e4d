//! A rule: what must hold, and where the connections go for which it does.

use super::grammar::Match;
use super::pool::PoolId;

/// Where the connections go that satisfy a match.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The listener whose connections it is for; absent for those of every listener.
    pub listener: Option<String>,
    /// What must hold.
    pub matcher: Match,
    /// The line `matcher` was read from, to name the rule in logs and explanations.
    pub text: String,
    /// Where they go.
    pub pool: PoolId,
}
