//! The handles of the standard ABI and their predefined values (MPI-5.0, Appendix A).
//!
//! A handle is pointer-sized. Predefined ones are small integers below [`PREDEFINED_END`] and unique across all
//! classes, so one array indexed by the value translates every class; dynamic ones are whatever the library gave.

use core::fmt;

/// One past the largest predefined handle value.
pub const PREDEFINED_END: usize = 0x300;

/// The class of a handle: the C type that it has in `mpi.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Class {
    /// `MPI_Op`
    Op,
    /// `MPI_Comm`
    Comm,
    /// `MPI_Group`
    Group,
    /// `MPI_Win`
    Win,
    /// `MPI_File`
    File,
    /// `MPI_Session`
    Session,
    /// `MPI_Message`
    Message,
    /// `MPI_Info`
    Info,
    /// `MPI_Errhandler`
    Errhandler,
    /// `MPI_Request`
    Request,
    /// `MPI_Datatype`
    Datatype,
}

impl Class {
    /// The class that a predefined value belongs to, and `None` for values that the standard leaves unused.
    #[must_use]
    pub const fn of_predefined(value: usize) -> Option<Self> {
        Some(match value {
            0x20..=0x3f => Self::Op,
            0x100..=0x107 => Self::Comm,
            0x108..=0x10f => Self::Group,
            0x110..=0x117 => Self::Win,
            0x118..=0x11f => Self::File,
            0x120..=0x127 => Self::Session,
            0x128..=0x12f => Self::Message,
            0x130..=0x13f => Self::Info,
            0x140..=0x17f => Self::Errhandler,
            0x180..=0x1ff => Self::Request,
            0x200..=0x2ff => Self::Datatype,
            _ => return None,
        })
    }

    /// The null handle of this class.
    #[must_use]
    pub const fn null(self) -> usize {
        match self {
            Self::Op => MPI_OP_NULL.0,
            Self::Comm => MPI_COMM_NULL.0,
            Self::Group => MPI_GROUP_NULL.0,
            Self::Win => MPI_WIN_NULL.0,
            Self::File => MPI_FILE_NULL.0,
            Self::Session => MPI_SESSION_NULL.0,
            Self::Message => MPI_MESSAGE_NULL.0,
            Self::Info => MPI_INFO_NULL.0,
            Self::Errhandler => MPI_ERRHANDLER_NULL.0,
            Self::Request => MPI_REQUEST_NULL.0,
            Self::Datatype => MPI_DATATYPE_NULL.0,
        }
    }
}

/// A handle type of the standard ABI.
pub trait Handle: Copy + 'static {
    /// Its class.
    const CLASS: Class;
    /// From the bits of the C pointer.
    fn from_bits(bits: usize) -> Self;
    /// The bits of the C pointer.
    fn bits(self) -> usize;
}

macro_rules! handle_types {
    ($($name:ident, $class:ident, $what:literal;)*) => {$(
        #[doc = concat!("A handle of ", $what, ", layout-compatible with the C type of the same name.")]
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(transparent)]
        pub struct $name(pub usize);

        impl Handle for $name {
            const CLASS: Class = Class::$class;
            #[inline]
            fn from_bits(bits: usize) -> Self {
                Self(bits)
            }
            #[inline]
            fn bits(self) -> usize {
                self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:#x})"), self.0)
            }
        }
    )*};
}

handle_types! {
    MPI_Op, Op, "a reduction operation";
    MPI_Comm, Comm, "a communicator";
    MPI_Group, Group, "a group of processes";
    MPI_Win, Win, "a window";
    MPI_File, File, "a file";
    MPI_Session, Session, "a session";
    MPI_Message, Message, "a matched message";
    MPI_Info, Info, "an info object";
    MPI_Errhandler, Errhandler, "an error handler";
    MPI_Request, Request, "a request";
    MPI_Datatype, Datatype, "a datatype";
}

macro_rules! predefined {
    ($($name:ident: $type:ident = $value:literal;)*) => {
        $(
            #[doc = concat!("`", stringify!($name), "`")]
            pub const $name: $type = $type($value);
        )*
        /// Every predefined handle: its name and its value. Two names may share a value.
        pub const PREDEFINED: &[(&str, usize)] = &[$((stringify!($name), $value)),*];
    };
}

predefined! {
    MPI_OP_NULL: MPI_Op = 0x20;
    MPI_SUM: MPI_Op = 0x21;
    MPI_MIN: MPI_Op = 0x22;
    MPI_MAX: MPI_Op = 0x23;
    MPI_PROD: MPI_Op = 0x24;
    MPI_BAND: MPI_Op = 0x28;
    MPI_BOR: MPI_Op = 0x29;
    MPI_BXOR: MPI_Op = 0x2a;
    MPI_LAND: MPI_Op = 0x30;
    MPI_LOR: MPI_Op = 0x31;
    MPI_LXOR: MPI_Op = 0x32;
    MPI_MINLOC: MPI_Op = 0x38;
    MPI_MAXLOC: MPI_Op = 0x39;
    MPI_REPLACE: MPI_Op = 0x3c;
    MPI_NO_OP: MPI_Op = 0x3d;
    MPI_COMM_NULL: MPI_Comm = 0x100;
    MPI_COMM_WORLD: MPI_Comm = 0x101;
    MPI_COMM_SELF: MPI_Comm = 0x102;
    MPI_GROUP_NULL: MPI_Group = 0x108;
    MPI_GROUP_EMPTY: MPI_Group = 0x109;
    MPI_WIN_NULL: MPI_Win = 0x110;
    MPI_FILE_NULL: MPI_File = 0x118;
    MPI_SESSION_NULL: MPI_Session = 0x120;
    MPI_MESSAGE_NULL: MPI_Message = 0x128;
    MPI_MESSAGE_NO_PROC: MPI_Message = 0x129;
    MPI_INFO_NULL: MPI_Info = 0x130;
    MPI_INFO_ENV: MPI_Info = 0x131;
    MPI_ERRHANDLER_NULL: MPI_Errhandler = 0x140;
    MPI_ERRORS_ARE_FATAL: MPI_Errhandler = 0x141;
    MPI_ERRORS_ABORT: MPI_Errhandler = 0x142;
    MPI_ERRORS_RETURN: MPI_Errhandler = 0x143;
    MPI_REQUEST_NULL: MPI_Request = 0x180;
    MPI_DATATYPE_NULL: MPI_Datatype = 0x200;
    MPI_AINT: MPI_Datatype = 0x201;
    MPI_COUNT: MPI_Datatype = 0x202;
    MPI_OFFSET: MPI_Datatype = 0x203;
    MPI_PACKED: MPI_Datatype = 0x207;
    MPI_SHORT: MPI_Datatype = 0x208;
    MPI_INT: MPI_Datatype = 0x209;
    MPI_LONG: MPI_Datatype = 0x20a;
    MPI_LONG_LONG: MPI_Datatype = 0x20b;
    MPI_LONG_LONG_INT: MPI_Datatype = 0x20b;
    MPI_UNSIGNED_SHORT: MPI_Datatype = 0x20c;
    MPI_UNSIGNED: MPI_Datatype = 0x20d;
    MPI_UNSIGNED_LONG: MPI_Datatype = 0x20e;
    MPI_UNSIGNED_LONG_LONG: MPI_Datatype = 0x20f;
    MPI_FLOAT: MPI_Datatype = 0x210;
    MPI_C_FLOAT_COMPLEX: MPI_Datatype = 0x212;
    MPI_C_COMPLEX: MPI_Datatype = 0x212;
    MPI_CXX_FLOAT_COMPLEX: MPI_Datatype = 0x213;
    MPI_DOUBLE: MPI_Datatype = 0x214;
    MPI_C_DOUBLE_COMPLEX: MPI_Datatype = 0x216;
    MPI_CXX_DOUBLE_COMPLEX: MPI_Datatype = 0x217;
    MPI_LOGICAL: MPI_Datatype = 0x218;
    MPI_INTEGER: MPI_Datatype = 0x219;
    MPI_REAL: MPI_Datatype = 0x21a;
    MPI_COMPLEX: MPI_Datatype = 0x21b;
    MPI_DOUBLE_PRECISION: MPI_Datatype = 0x21c;
    MPI_DOUBLE_COMPLEX: MPI_Datatype = 0x21d;
    MPI_CHARACTER: MPI_Datatype = 0x21e;
    MPI_LONG_DOUBLE: MPI_Datatype = 0x220;
    MPI_C_LONG_DOUBLE_COMPLEX: MPI_Datatype = 0x224;
    MPI_CXX_LONG_DOUBLE_COMPLEX: MPI_Datatype = 0x225;
    MPI_FLOAT_INT: MPI_Datatype = 0x228;
    MPI_DOUBLE_INT: MPI_Datatype = 0x229;
    MPI_LONG_INT: MPI_Datatype = 0x22a;
    MPI_2INT: MPI_Datatype = 0x22b;
    MPI_SHORT_INT: MPI_Datatype = 0x22c;
    MPI_LONG_DOUBLE_INT: MPI_Datatype = 0x22d;
    MPI_2REAL: MPI_Datatype = 0x230;
    MPI_2DOUBLE_PRECISION: MPI_Datatype = 0x231;
    MPI_2INTEGER: MPI_Datatype = 0x232;
    MPI_C_BOOL: MPI_Datatype = 0x238;
    MPI_CXX_BOOL: MPI_Datatype = 0x239;
    MPI_WCHAR: MPI_Datatype = 0x23c;
    MPI_INT8_T: MPI_Datatype = 0x240;
    MPI_UINT8_T: MPI_Datatype = 0x241;
    MPI_CHAR: MPI_Datatype = 0x243;
    MPI_SIGNED_CHAR: MPI_Datatype = 0x244;
    MPI_UNSIGNED_CHAR: MPI_Datatype = 0x245;
    MPI_BYTE: MPI_Datatype = 0x247;
    MPI_INT16_T: MPI_Datatype = 0x248;
    MPI_UINT16_T: MPI_Datatype = 0x249;
    MPI_INT32_T: MPI_Datatype = 0x250;
    MPI_UINT32_T: MPI_Datatype = 0x251;
    MPI_INT64_T: MPI_Datatype = 0x258;
    MPI_UINT64_T: MPI_Datatype = 0x259;
    MPI_LOGICAL1: MPI_Datatype = 0x2c0;
    MPI_INTEGER1: MPI_Datatype = 0x2c1;
    MPI_LOGICAL2: MPI_Datatype = 0x2c8;
    MPI_INTEGER2: MPI_Datatype = 0x2c9;
    MPI_REAL2: MPI_Datatype = 0x2ca;
    MPI_LOGICAL4: MPI_Datatype = 0x2d0;
    MPI_INTEGER4: MPI_Datatype = 0x2d1;
    MPI_REAL4: MPI_Datatype = 0x2d2;
    MPI_COMPLEX4: MPI_Datatype = 0x2d3;
    MPI_LOGICAL8: MPI_Datatype = 0x2d8;
    MPI_INTEGER8: MPI_Datatype = 0x2d9;
    MPI_REAL8: MPI_Datatype = 0x2da;
    MPI_COMPLEX8: MPI_Datatype = 0x2db;
    MPI_LOGICAL16: MPI_Datatype = 0x2e0;
    MPI_INTEGER16: MPI_Datatype = 0x2e1;
    MPI_REAL16: MPI_Datatype = 0x2e2;
    MPI_COMPLEX16: MPI_Datatype = 0x2e3;
    MPI_COMPLEX32: MPI_Datatype = 0x2eb;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predefined_values_lie_in_their_class() {
        for &(name, value) in PREDEFINED {
            let class = Class::of_predefined(value).unwrap_or_else(|| panic!("{name} has no class"));
            assert_eq!(Class::of_predefined(class.null()), Some(class), "{name}");
            assert!(value < PREDEFINED_END);
        }
    }
}
