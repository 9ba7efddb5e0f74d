//! Why a call was refused, and what it returns.

use abi::ops::error as code;
use continuation::Cancelled;

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident = $code:ident,)*) => {
        /// Why a call was refused; each stands for the number of its name in [`abi::ops::error`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Error { $($(#[$doc])* $name,)* }

        impl Error {
            /// What the guest finds in x0.
            #[must_use]
            pub const fn code(self) -> i64 {
                match self { $(Error::$name => code::$code,)* }
            }
        }
    };
}

errors! {
    /// No such function.
    NotSupported = NOT_SUPPORTED,
    /// A value that the argument never may have.
    Invalid = INVALID,
    /// No such right.
    Denied = DENIED,
    /// Guest memory that cannot be read or written.
    Address = ADDRESS,
    /// Something is mapped there.
    Overlap = OVERLAP,
    /// Nothing is mapped there.
    NotMapped = NOT_MAPPED,
    /// Mapped, but not populated.
    NotPopulated = NOT_POPULATED,
    /// Granted.
    Pinned = PINNED,
    /// No memory.
    NoMemory = NO_MEMORY,
    /// Its share is used up.
    Quota = QUOTA,
    /// No such VM.
    NoVm = NO_VM,
    /// Not in this state.
    State = STATE,
    /// No such grant.
    NoGrant = NO_GRANT,
    /// No such port.
    NoPort = NO_PORT,
    /// Somebody else is at it.
    Busy = BUSY,
    /// A table is full.
    Full = FULL,
    /// No such suspended operation.
    Handle = HANDLE,
    /// Not in a multicall.
    Nested = NESTED,
    /// To end at once.
    Cancelled = CANCELLED,
}

impl From<Cancelled> for Error {
    fn from(_: Cancelled) -> Self {
        Error::Cancelled
    }
}

/// What a guest finds in x0 to x3 when its call is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// x0 to x3.
    pub x: [u64; 4],
}

impl Reply {
    /// Done, with results.
    #[must_use]
    pub const fn done(results: [u64; 3]) -> Self {
        let [x1, x2, x3] = results;
        Reply {
            x: [abi::ops::SUCCESS, x1, x2, x3],
        }
    }

    /// Refused, after so much progress.
    #[must_use]
    pub const fn refused(error: Error, results: [u64; 3]) -> Self {
        let [x1, x2, x3] = results;
        Reply {
            x: [error.code() as u64, x1, x2, x3],
        }
    }

    /// What a step came to, with what is in `results` either way.
    #[must_use]
    pub const fn of(outcome: Result<(), Error>, results: [u64; 3]) -> Self {
        match outcome {
            Ok(()) => Self::done(results),
            Err(error) => Self::refused(error, results),
        }
    }
}

impl From<Error> for Reply {
    fn from(error: Error) -> Self {
        Self::refused(error, [0; 3])
    }
}
