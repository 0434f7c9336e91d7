//! How a datatype with large counts was made, where the library cannot tell, for it was composed of others.
//!
//! The recipe is an attribute of the datatype, so it lives as long, whatever handle names it, and goes on to duplicates.

use core::ffi::{c_int, c_void};
use std::sync::Arc;

use crate::abi::*;
use crate::derive::{Derived, Made, contiguous};
use crate::family::Abi;
use crate::kinds::{Datatype, Scalar};

/// What `MPI_Type_get_envelope_c` and `MPI_Type_get_contents_c` tell, in the order of MPI-5.0, section 5.1.13. Datatypes made
/// with large counts have no addresses.
pub struct Recipe<A: Abi> {
    pub combiner: c_int,
    pub integers: Vec<c_int>,
    pub counts: Vec<MPI_Count>,
    datatypes: Vec<Ingredient<A>>,
}

/// The attribute: a recipe, and how often `MPI_Type_dup` lies between the datatype that it made and this one.
struct Attribute<A: Abi> {
    recipe: Arc<Recipe<A>>,
    duplications: usize,
}

enum Ingredient<A: Abi> {
    Predefined(MPI_Datatype),
    /// The datatype inside one that was made of it, which keeps it, and its recipe.
    Derived(Derived<A>, Option<Attribute<A>>),
}

impl<A: Abi> Ingredient<A> {
    fn of(datatype: MPI_Datatype) -> Made<Self> {
        if datatype.0 < PREDEFINED_END {
            return Ok(Self::Predefined(datatype));
        }
        let inner = Datatype::inward::<A>(datatype);
        let attribute = Attribute::find(inner);
        Ok(Self::Derived(contiguous::<A>(1, inner)?, attribute.map(|found| found.behind(0))))
    }

    /// A handle for the program, which frees it unless it is predefined.
    fn handle(&self) -> Made<MPI_Datatype> {
        match self {
            Self::Predefined(datatype) => Ok(*datatype),
            Self::Derived(around, attribute) => {
                let ask = A::bound().native.MPI_Type_get_contents.ok_or(MPI_ERR_UNSUPPORTED_OPERATION)?;
                let (mut count, mut address, mut inner) = (0, 0, around.handle());
                // SAFETY: a contiguous datatype has one integer and one datatype.
                let code = unsafe { ask(around.handle(), 1, 0, 1, &mut count, &mut address, &mut inner) };
                if code != 0 {
                    return Err(A::bound().code_out(code));
                }
                if let Some(attribute) = attribute {
                    attribute.behind(0).attach(inner)?;
                }
                Ok(Datatype::outward::<A>(inner, MPI_DATATYPE_NULL))
            }
        }
    }
}

impl<A: Abi> Attribute<A> {
    /// The attribute of a datatype that is so many duplications further away from the recipe.
    fn behind(&self, duplications: usize) -> Self {
        Self { recipe: Arc::clone(&self.recipe), duplications: self.duplications + duplications }
    }

    fn attach(self, to: A::Handle) -> Made<()> {
        let keyval = keyval::<A>()?;
        let set = A::bound().native.MPI_Type_set_attr.ok_or(MPI_ERR_UNSUPPORTED_OPERATION)?;
        let attribute = Box::into_raw(Box::new(self));
        // SAFETY: a datatype and a keyval of ours; `delete` takes the attribute back.
        unsafe {
            match set(to, keyval, attribute.cast()) {
                0 => Ok(()),
                code => {
                    drop(Box::from_raw(attribute));
                    Err(A::bound().code_out(code))
                }
            }
        }
    }

    fn find<'a>(datatype: A::Handle) -> Option<&'a Self> {
        let keyval = *A::bound().recipe_keyval.get()?;
        let get = A::bound().native.MPI_Type_get_attr?;
        let (mut value, mut flag) = (core::ptr::null_mut::<c_void>(), 0);
        // SAFETY: two variables; the attribute lives as long as the datatype, and nobody changes it.
        unsafe {
            let code = get(datatype, keyval, (&raw mut value).cast(), &mut flag);
            (code == 0 && flag != 0).then(|| &*value.cast::<Self>())
        }
    }
}

impl<A: Abi> Recipe<A> {
    pub fn new(
        combiner: c_int,
        integers: &[c_int],
        counts: &[&[MPI_Count]],
        of: &[MPI_Datatype],
    ) -> Made<Self> {
        let datatypes = of.iter().map(|datatype| Ingredient::of(*datatype)).collect::<Made<_>>()?;
        Ok(Self { combiner, integers: integers.to_vec(), counts: counts.concat(), datatypes })
    }

    /// Gives the recipe to the datatype that was made by it.
    pub fn attach(self, to: &Derived<A>) -> Made<()> {
        Attribute { recipe: Arc::new(self), duplications: 0 }.attach(to.handle())
    }

    /// The recipe of a datatype, if it has one.
    pub fn find<'a>(datatype: A::Handle) -> Option<&'a Self> {
        Attribute::find(datatype).filter(|found| found.duplications == 0).map(|found| &*found.recipe)
    }

    /// Hands the recipe on to what a duplicate was made of, which the library has told.
    pub fn hand_on(from: A::Handle, to: A::Handle) -> Made<()> {
        match Attribute::<A>::find(from) {
            Some(found) if found.duplications > 0 => {
                let recipe = Arc::clone(&found.recipe);
                Attribute { recipe, duplications: found.duplications - 1 }.attach(to)
            }
            _ => Ok(()),
        }
    }

    /// How many datatypes there are in it.
    pub fn ingredients(&self) -> usize {
        self.datatypes.len()
    }

    /// Tells everything, to a caller who has room for it.
    ///
    /// # Safety
    /// Arrays as long as `room` says: integers, large counts, datatypes.
    pub unsafe fn tell(
        &self,
        room: [MPI_Count; 3],
        integers: *mut c_int,
        counts: *mut MPI_Count,
        datatypes: *mut MPI_Datatype,
    ) -> Made<()> {
        let sizes = [self.integers.len(), self.counts.len(), self.datatypes.len()];
        if sizes.iter().zip(room).any(|(size, room)| MPI_Count::try_from(*size).is_ok_and(|size| size > room))
        {
            return Err(MPI_ERR_ARG);
        }
        // SAFETY: as the caller promises.
        unsafe {
            copy_to(&self.integers, integers);
            copy_to(&self.counts, counts);
            for (index, ingredient) in self.datatypes.iter().enumerate() {
                *datatypes.add(index) = ingredient.handle()?;
            }
        }
        Ok(())
    }
}

/// # Safety
/// As much room.
unsafe fn copy_to<T: Copy>(from: &[T], to: *mut T) {
    if !from.is_empty() {
        // SAFETY: as the caller promises.
        unsafe { core::ptr::copy_nonoverlapping(from.as_ptr(), to, from.len()) };
    }
}

/// The keyval of the attribute, made once for each library.
fn keyval<A: Abi>() -> Made<c_int> {
    if let Some(keyval) = A::bound().recipe_keyval.get() {
        return Ok(*keyval);
    }
    let create = A::bound().native.MPI_Type_create_keyval.ok_or(MPI_ERR_UNSUPPORTED_OPERATION)?;
    let mut keyval = 0;
    // SAFETY: functions of the signatures that the library calls.
    let code = unsafe {
        create(copy::<A> as *const c_void, delete::<A> as *const c_void, &mut keyval, core::ptr::null_mut())
    };
    match code {
        // Of two threads that come here at once, one has made a keyval for nothing.
        0 => Ok(*A::bound().recipe_keyval.get_or_init(|| keyval)),
        code => Err(A::bound().code_out(code)),
    }
}

/// A duplicate was made by `MPI_Type_dup`, and says so. It is told apart by its attribute.
unsafe extern "C" fn copy<A: Abi>(
    _: A::Handle,
    _: c_int,
    _: *mut c_void,
    attribute: *mut c_void,
    place: *mut c_void,
    flag: *mut c_int,
) -> c_int {
    // SAFETY: an attribute of ours, and the library's variables.
    unsafe {
        let duplicate = (*attribute.cast::<Attribute<A>>()).behind(1);
        *place.cast::<*mut Attribute<A>>() = Box::into_raw(Box::new(duplicate));
        *flag = 1;
    }
    0
}

unsafe extern "C" fn delete<A: Abi>(_: A::Handle, _: c_int, attribute: *mut c_void, _: *mut c_void) -> c_int {
    // SAFETY: what `attach` or `copy` has given away.
    drop(unsafe { Box::from_raw(attribute.cast::<Attribute<A>>()) });
    0
}
