//! Where a value comes from, to be shown with it.

use crate::source::Location;

/// What kind of text an assignment came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// A whole `.config`.
    Config,
    /// A minimal configuration from `defconfigs/`.
    Defconfig,
    /// A fragment laid over a configuration.
    Fragment,
    /// The user, in an interface or on a command line.
    User,
}

impl Layer {
    /// The name used in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Layer::Config => "config",
            Layer::Defconfig => "defconfig",
            Layer::Fragment => "fragment",
            Layer::User => "user",
        }
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Assigned, here.
    Assigned(Layer, Location),
    /// A `default`, here.
    Default(Location),
    /// A `select` by that symbol, here.
    Select(String, Location),
    /// An `imply` by that symbol, here.
    Imply(String, Location),
    /// A choice picked its default member, or it is a member that was not picked; the choice is here.
    Choice(Location),
    /// Nothing says anything: `n`, `0`, or empty.
    Unset,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Assigned(layer, at) => write!(f, "{} {at}", layer.as_str()),
            Origin::Default(at) => write!(f, "default {at}"),
            Origin::Select(by, at) => write!(f, "select by {by} {at}"),
            Origin::Imply(by, at) => write!(f, "imply by {by} {at}"),
            Origin::Choice(at) => write!(f, "choice {at}"),
            Origin::Unset => write!(f, "unset"),
        }
    }
}
