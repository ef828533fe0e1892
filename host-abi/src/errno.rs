//! The error codes of the host ABI.

/// Why a host call failed, as the module sees it. The numbers are part of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[repr(u16)]
pub enum Errno {
    /// Returned by a module's function to the host; never by a host call.
    #[error("the host called a function of the module, and it failed")]
    HostCallFailure = 1,
    /// The call needs an open transaction.
    #[error("this host call needs a transaction, and none is open")]
    NotInTransaction = 2,
    /// Bytes that are not BSATN of the type expected.
    #[error("the bytes given are not a valid value of the type expected")]
    BsatnDecodeError = 3,
    /// No table has that name or id.
    #[error("no such table")]
    NoSuchTable = 4,
    /// No index has that name or id.
    #[error("no such index")]
    NoSuchIndex = 5,
    /// No open row iterator has that id.
    #[error("no such row iterator")]
    NoSuchIter = 6,
    /// No running console timer has that id.
    #[error("no such console timer")]
    NoSuchConsoleTimer = 7,
    /// No bytes source or sink has that id.
    #[error("no such bytes source or sink")]
    NoSuchBytes = 8,
    /// A bytes sink is full. Part of the contract; sinks here have no limit.
    #[error("the bytes sink has no space left")]
    NoSpace = 9,
    /// A range scan on an index that has no order. Part of the contract; such a scan traps instead.
    #[error("the index cannot answer this kind of scan")]
    WrongIndexAlgo = 10,
    /// The next rows need a larger buffer.
    #[error("the buffer is too small for the next rows")]
    BufferTooSmall = 11,
    /// A row with the same value in a unique column exists.
    #[error("a row with the same unique value already exists")]
    UniqueAlreadyExists = 12,
    /// A schedule's delay is about 2.18 years or more.
    #[error("the scheduled time is too far away")]
    ScheduleAtDelayTooLong = 13,
    /// An update through an index that is not unique.
    #[error("the index is not unique")]
    IndexNotUnique = 14,
    /// An update of a row that does not exist.
    #[error("no such row")]
    NoSuchRow = 15,
    /// A sequence has no values left. Part of the contract; sequences wrap around.
    #[error("the auto-increment sequence overflowed")]
    AutoIncOverflow = 16,
    /// The call would wait for a transaction that cannot end before it.
    #[error("this call is not possible while a transaction is open")]
    WouldBlockTransaction = 17,
    /// Commit or abort without a transaction that the module itself has opened.
    #[error("no transaction opened by the module is active")]
    TransactionNotAnonymous = 18,
    /// A write where only reading is allowed.
    #[error("this call may read but not write")]
    TransactionIsReadOnly = 19,
    /// Part of the contract; not produced.
    #[error("the transaction is writable")]
    TransactionIsMut = 20,
    /// An outgoing HTTP request failed.
    #[error("the HTTP request failed")]
    HttpError = 21,
}

impl Errno {
    /// The number that crosses the border to the module.
    pub const fn code(self) -> u16 {
        self as u16
    }
}
