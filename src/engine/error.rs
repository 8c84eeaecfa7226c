//! Every way an operation can fail, with the JavaScript class, the message and a stable code.

use crate::engine::transfer::{Text, Transfer};

/// The native error classes of JavaScript.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum ErrorClass {
    Error = 0,
    TypeError = 1,
    RangeError = 2,
    SyntaxError = 3,
    ReferenceError = 4,
    EvalError = 5,
    UriError = 6,
}

impl ErrorClass {
    /// The class with this number on the wire; [`ErrorClass::Error`] for any other.
    pub fn from_u8(n: u8) -> Self {
        match n {
            1 => Self::TypeError,
            2 => Self::RangeError,
            3 => Self::SyntaxError,
            4 => Self::ReferenceError,
            5 => Self::EvalError,
            6 => Self::UriError,
            _ => Self::Error,
        }
    }
}

/// Failures raised by islet itself. Texts are those that users of isolated-vm match on.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// An operation on an isolate that has ended.
    #[error("Isolate is disposed")]
    Disposed,
    /// `dispose()` called twice.
    #[error("Isolate is already disposed")]
    AlreadyDisposed,
    /// The isolate ended while the call ran.
    #[error("Isolate was disposed during execution")]
    DisposedDuring,
    /// The isolate outgrew its memory limit while the call ran.
    #[error("Isolate was disposed during execution due to memory limit")]
    MemoryLimit,
    /// V8 gave up on the isolate.
    #[error("Isolate was disposed during execution due to a fatal error in V8: {0}")]
    EngineFatal(String),
    /// `timeout` ran out.
    #[error("Script execution timed out.")]
    Timeout,
    /// `deadline` ran out.
    #[error("Deadline of {0} ms exceeded")]
    Deadline(u32),
    /// `cpuTimeout` ran out.
    #[error("Script execution used up its CPU time.")]
    CpuTimeout,
    /// `cpuLimit` ran out.
    #[error("Isolate used up its CPU limit.")]
    CpuLimit,
    /// A value that needs a transfer option came without one.
    #[error("A non-transferable value was passed")]
    NonTransferable,
    /// A handle that was released is used.
    #[error("{0} has been released")]
    Released(&'static str),
    /// `derefInto({ release: true })` and the like, passed twice.
    #[error("The return value of `{0}()` should only be used once")]
    UsedTwice(&'static str),
    /// A guest waits for a promise of an environment that waits for the guest.
    #[error("This function may not be called from the default thread")]
    WrongThread,
    /// A value of another environment, used synchronously.
    #[error("A value of another thread can only be used asynchronously")]
    OtherThread,
    /// `apply` on something that isn't callable.
    #[error("Reference is not a function")]
    NotAFunction,
    /// `get`, `set` or `delete` on a primitive.
    #[error("Reference is not an object")]
    NotAnObject,
    /// A getter or a proxy in the way of `get` without `accessors`.
    #[error("Object is or has proxy")]
    HasProxy,
    /// A getter in the way of `get` without `accessors`.
    #[error("Property is getter")]
    IsGetter,
    /// `copyInto({ transferIn: true })` was already redeemed.
    #[error("Array buffer is invalid")]
    BufferGone,
    /// A handle used with an isolate that doesn't own it.
    #[error("{0} does not belong to this isolate")]
    WrongIsolate(&'static str),
    /// The Node environment that owns a function or value has ended.
    #[error("The environment that owns this function has ended")]
    EnvironmentGone,
    /// `deref()` outside the owner.
    #[error("Cannot dereference this from current isolate")]
    ForeignDeref,
    /// No thread could be started.
    #[error("No thread could be started for the isolate: {0}")]
    NoThread(String),
    /// The system refused memory while V8's isolate was being made, or for what it needs to go on.
    #[error(
        "The system has no more memory for the isolate, or allows the process no more mappings (vm.max_map_count)"
    )]
    NoSystemMemory,
    /// `derefInto()` on its way into an isolate that isn't the owner.
    #[error("Cannot dereference this into target isolate")]
    ForeignDerefInto,
    /// A symbol, where a copy was asked for.
    #[error("Unsupported type")]
    UnsupportedType,
    /// A value that structured clone can't copy.
    #[error("{0}")]
    NotCloneable(String),
    /// A string longer than V8 allows.
    #[error("Invalid string length")]
    StringTooLong,
    /// An array buffer that doesn't fit the memory limit.
    #[error("Array buffer allocation failed")]
    BufferRefused,
    /// An isolate that a guest makes, beyond what the guest itself may use.
    #[error("The memory limit leaves no room for another isolate")]
    NoRoom,
    /// What a guest makes the library hold for it, beyond what the guest itself may use.
    #[error("The memory limit leaves no room for this")]
    NoMemory,
    /// A value on its way into or out of an isolate that has no room for it.
    #[error("The value is too large for the memory limit of its isolate")]
    TooLarge,
    /// Isolates were given up, as many as `configure({ maxCondemned })` allows.
    #[error("No more isolates are made: {0} were given up, with the memory they held")]
    TooManyCondemned(usize),
    /// A property key that is neither string nor integer.
    #[error("Invalid `key`")]
    InvalidKey,
    /// `set` refused by the object.
    #[error("Set failed")]
    SetFailed,
    /// `delete` refused by the object.
    #[error("Delete failed")]
    DeleteFailed,
    /// A snapshot can't be made, or not be used.
    #[error("The snapshot can't be used: {0}")]
    Snapshot(String),
    /// An option that takes bytes got something else.
    #[error("`{0}` must be an ExternalCopy to ArrayBuffer")]
    NotBytes(&'static str),
    /// A sync call into an isolate that stands at a breakpoint.
    #[error("Isolate is paused in the debugger")]
    Paused,
    /// The inspector of an isolate that was made without it.
    #[error("Inspector is not enabled for this isolate")]
    InspectorDisabled,
    /// Something that only the host can ask for.
    #[error("{0} is not supported inside a guest")]
    HostOnly(&'static str),
    /// A module that isn't in the state that the operation needs.
    #[error("{0}")]
    Module(&'static str),
    /// `import()` where nothing answers it.
    #[error("import() is not available here: the isolate has no `importModuleDynamically`")]
    NoImporter,
    /// What answers `import()` gave something else.
    #[error("`importModuleDynamically` did not return a Module")]
    NotAModule,
    /// More living modules than an isolate may have.
    #[error("Too many modules")]
    TooManyModules,
    /// A guest imports faster than anybody answers.
    #[error("Too many imports are under way")]
    TooManyImports,
    /// Anything that is a mistake of the library itself.
    #[error("Internal error: {0}")]
    Internal(String),
}

impl Failure {
    /// The `code` property of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Disposed | Self::AlreadyDisposed | Self::DisposedDuring => "ERR_ISOLATE_DISPOSED",
            Self::MemoryLimit | Self::BufferRefused | Self::NoRoom | Self::NoMemory | Self::TooLarge => {
                "ERR_MEMORY_LIMIT"
            }
            Self::TooManyCondemned(_) => "ERR_TOO_MANY_CONDEMNED",
            Self::EngineFatal(_) => "ERR_ENGINE_FATAL",
            Self::Timeout | Self::Deadline(_) | Self::CpuTimeout => "ERR_TIMEOUT",
            Self::CpuLimit => "ERR_CPU_LIMIT",
            Self::NonTransferable | Self::UnsupportedType => "ERR_NON_TRANSFERABLE",
            Self::Released(_) | Self::BufferGone | Self::UsedTwice(_) => "ERR_RELEASED",
            Self::WrongThread | Self::OtherThread => "ERR_WRONG_THREAD",
            Self::NotAFunction
            | Self::NotAnObject
            | Self::HasProxy
            | Self::IsGetter
            | Self::InvalidKey
            | Self::SetFailed
            | Self::DeleteFailed => "ERR_REFERENCE",
            Self::WrongIsolate(_) | Self::ForeignDeref | Self::ForeignDerefInto => "ERR_WRONG_ISOLATE",
            Self::NotCloneable(_) => "ERR_DATA_CLONE",
            Self::StringTooLong => "ERR_STRING_TOO_LONG",
            Self::Module(_)
            | Self::NoImporter
            | Self::NotAModule
            | Self::TooManyImports
            | Self::TooManyModules => "ERR_MODULE",
            Self::EnvironmentGone => "ERR_ENVIRONMENT_GONE",
            Self::NoThread(_) => "ERR_NO_THREAD",
            Self::NoSystemMemory => "ERR_NO_SYSTEM_MEMORY",
            Self::NotBytes(_) => "ERR_INVALID_ARG_TYPE",
            Self::InspectorDisabled => "ERR_INSPECTOR_DISABLED",
            Self::Paused => "ERR_PAUSED",
            Self::HostOnly(_) => "ERR_NOT_SUPPORTED",
            Self::Snapshot(_) => "ERR_SNAPSHOT",
            Self::Internal(_) => "ERR_INTERNAL",
        }
    }

    /// The code that a text names, if it is one of the library's.
    pub fn known_code(text: &str) -> Option<&'static str> {
        const CODES: [&str; 20] = [
            "ERR_ISOLATE_DISPOSED",
            "ERR_MEMORY_LIMIT",
            "ERR_ENGINE_FATAL",
            "ERR_TIMEOUT",
            "ERR_CPU_LIMIT",
            "ERR_NON_TRANSFERABLE",
            "ERR_RELEASED",
            "ERR_REFERENCE",
            "ERR_WRONG_ISOLATE",
            "ERR_WRONG_THREAD",
            "ERR_DATA_CLONE",
            "ERR_STRING_TOO_LONG",
            "ERR_ENVIRONMENT_GONE",
            "ERR_NO_THREAD",
            "ERR_INSPECTOR_DISABLED",
            "ERR_PAUSED",
            "ERR_NOT_SUPPORTED",
            "ERR_TOO_MANY_CONDEMNED",
            "ERR_INTERNAL",
            "ERR_MODULE",
        ];
        CODES.into_iter().find(|code| *code == text)
    }

    /// The class of the error.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::NonTransferable
            | Self::HostOnly(_)
            | Self::NotAFunction
            | Self::NotAnObject
            | Self::HasProxy
            | Self::IsGetter
            | Self::WrongIsolate(_)
            | Self::ForeignDeref
            | Self::ForeignDerefInto
            | Self::UnsupportedType
            | Self::NotCloneable(_)
            | Self::InvalidKey
            | Self::SetFailed
            | Self::DeleteFailed
            | Self::NotAModule
            | Self::NotBytes(_) => ErrorClass::TypeError,
            Self::StringTooLong
            | Self::BufferRefused
            | Self::NoRoom
            | Self::NoMemory
            | Self::TooLarge
            | Self::TooManyImports
            | Self::TooManyModules => ErrorClass::RangeError,
            _ => ErrorClass::Error,
        }
    }
}

/// An error object on its way between two heaps.
#[derive(Clone, Debug)]
pub struct ErrorValue {
    /// Which native class it descends from.
    pub class: ErrorClass,
    /// Its own or inherited `name` when that isn't the class's.
    pub name: Option<Text>,
    /// The library's code, when it raised the error itself.
    pub code: Option<&'static str>,
    /// `message`.
    pub message: Text,
    /// `stack` as it stands in the heap where it was thrown.
    pub stack: Option<Text>,
    /// `cause`, when it has one: itself an error or a copied value.
    pub cause: Option<Transfer>,
    /// Its own data properties that could be cloned, as one cloned object.
    pub properties: Option<Transfer>,
}

/// What a failed operation gives: raised by islet, or thrown by JavaScript.
#[derive(Clone, Debug)]
pub enum Thrown {
    /// Raised by islet.
    Failure(Failure),
    /// Thrown by JavaScript: an [`Transfer::Error`] or any other value.
    Value(Transfer),
}

impl From<Failure> for Thrown {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl Thrown {
    /// The value that stands for it on the wire.
    pub fn into_transfer(self) -> Transfer {
        match self {
            Self::Value(value) => value,
            Self::Failure(failure) => Transfer::Error(Box::new(ErrorValue {
                class: failure.class(),
                name: None,
                code: Some(failure.code()),
                message: Text::from_str(&failure.to_string()),
                stack: None,
                cause: None,
                properties: None,
            })),
        }
    }
}

/// The result of an operation: the values it returns.
pub type Outcome = Result<Transfer, Thrown>;
