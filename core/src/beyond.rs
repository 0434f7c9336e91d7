//! Calls with counts beyond an int on libraries without large counts, made with datatypes that hold more.
//!
//! A call that did not fit is surveyed: which counts, arrays and datatypes belong together. Its [`Plan`] says what each
//! parameter becomes:
//!
//! - A count becomes 1, of a datatype as long as the count was.
//! - Arrays of counts and displacements are divided by a number that divides all of them, and count elements that are
//!   as much longer; displacements are taken from the middle of the buffer. Each rank decides that for itself, as the
//!   others see the same messages.
//! - A reduction takes its operation only on the datatype itself, so a blocking one is done in parts.

use core::ffi::c_int;

use crate::abi::{MPI_Aint, MPI_Count, MPI_DATATYPE_NULL, MPI_Datatype, MPI_ERR_VALUE_TOO_LARGE};
use crate::attachments::Kept;
use crate::derive::{Derived, Made, bounds, contiguous};
use crate::family::Abi;
use crate::kinds::{Datatype, Scalar};
use crate::raise::{Object, raise};

/// What a call is made of.
#[derive(Default)]
pub struct Survey {
    sides: Vec<Side>,
    next: Side,
    /// A reduction, unless it is one-sided: accumulating takes datatypes that are made of one predefined type.
    reduces: bool,
    object: Object,
}

/// What belongs to one datatype: its count, or an array of counts and one of displacements.
struct Side {
    count: MPI_Count,
    arrays: Vec<Vec<MPI_Count>>,
    datatype: MPI_Datatype,
}

impl Default for Side {
    fn default() -> Self {
        Self { count: 0, arrays: Vec::new(), datatype: MPI_DATATYPE_NULL }
    }
}

impl Survey {
    /// Takes down a count; the last one before a datatype belongs to it.
    pub fn count(&mut self, count: MPI_Count) {
        self.next.count = count;
    }

    /// Takes down an array: first the counts, then the displacements.
    pub fn array(&mut self, values: Vec<MPI_Count>) {
        self.next.arrays.push(values);
    }

    /// Takes down a datatype, which ends its side.
    pub fn datatype(&mut self, datatype: MPI_Datatype) {
        self.next.datatype = datatype;
        self.sides.push(core::mem::take(&mut self.next));
    }

    /// Takes down that there is an operation.
    pub fn operation(&mut self) {
        self.reduces = true;
    }

    /// Takes down the object that errors happen on.
    pub fn object(&mut self, object: Object) {
        if matches!(object, Object::Win(_)) {
            self.reduces = false;
        }
        self.object = object;
    }
}

/// What becomes of one side.
#[derive(Default)]
struct Change {
    /// The count that becomes 1.
    folded: Option<MPI_Count>,
    /// The datatype instead.
    datatype: Option<MPI_Datatype>,
    /// What counts and displacements are divided by.
    divisor: MPI_Count,
    /// What is taken off the displacements, after the division.
    middle: MPI_Count,
    /// How many bytes further the buffer begins.
    moved: MPI_Aint,
}

/// What becomes of each parameter.
pub struct Plan {
    changes: Vec<Change>,
    /// Of a reduction: the elements of this part.
    part: Option<c_int>,
}

/// The way through the parameters of one call, in their order.
#[derive(Default)]
pub struct Fitting<'a> {
    /// Why the call cannot be made, or 0.
    pub wrong: c_int,
    plan: Option<&'a Plan>,
    side: usize,
    arrays: usize,
}

impl<'a> Fitting<'a> {
    fn planned(plan: &'a Plan) -> Self {
        Self { plan: Some(plan), ..Self::default() }
    }

    fn change(&self) -> Option<&'a Change> {
        self.plan.and_then(|plan| plan.changes.get(self.side))
    }

    /// Notes that a number does not fit.
    #[cold]
    pub fn too_large(&mut self) {
        self.wrong = MPI_ERR_VALUE_TOO_LARGE;
    }

    /// A count.
    pub fn count(&mut self, count: MPI_Count) -> c_int {
        match (self.change(), self.plan.and_then(|plan| plan.part)) {
            (Some(_), Some(part)) => part,
            (Some(change), None) if change.folded == Some(count) => 1,
            _ => c_int::try_from(count).unwrap_or_else(|_| {
                self.too_large();
                0
            }),
        }
    }

    /// What is done to the elements of the next array: divided, then taken off.
    pub fn array(&mut self) -> (MPI_Count, MPI_Count) {
        let is_displacement = self.arrays % 2 == 1;
        self.arrays += 1;
        let change = self.change();
        change.map_or((1, 0), |change| (change.divisor, if is_displacement { change.middle } else { 0 }))
    }

    /// A datatype, which ends its side.
    pub fn datatype(&mut self, datatype: MPI_Datatype) -> MPI_Datatype {
        let instead = self.change().and_then(|change| change.datatype);
        self.side += 1;
        self.arrays = 0;
        instead.unwrap_or(datatype)
    }

    /// How many bytes further a buffer begins.
    pub fn moved(&self) -> MPI_Aint {
        self.change().map_or(0, |change| change.moved)
    }
}

fn fits(values: &[MPI_Count]) -> bool {
    values.iter().all(|&value| c_int::try_from(value).is_ok())
}

fn greatest_common_divisor(mut one: MPI_Count, mut other: MPI_Count) -> MPI_Count {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one.saturating_abs()
}

/// What counts and displacements are divided by, and what is taken off the displacements then, so that they fit.
fn shrunk(counts: &[MPI_Count], displacements: &[MPI_Count]) -> Option<(MPI_Count, MPI_Count)> {
    let common = counts.iter().chain(displacements).copied().fold(0, greatest_common_divisor);
    [1, common.max(1)].into_iter().find_map(|divisor| {
        let divided = |values: &[MPI_Count]| values.iter().map(|value| value / divisor).collect::<Vec<_>>();
        let (counts, displacements) = (divided(counts), divided(displacements));
        let (Some(&least), Some(&most)) = (displacements.iter().min(), displacements.iter().max()) else {
            return fits(&counts).then_some((divisor, 0));
        };
        let middle = if fits(&displacements) { 0 } else { least + (most - least + 1) / 2 };
        (fits(&counts) && fits(&[least - middle, most - middle])).then_some((divisor, middle))
    })
}

impl Change {
    fn of<A: Abi>(side: &Side, made: &mut Vec<Derived<A>>) -> Made<Self> {
        let mut change = Self { divisor: 1, ..Self::default() };
        let of = Datatype::inward::<A>(side.datatype);
        let mut longer = |count| -> Made<Option<MPI_Datatype>> {
            let derived = contiguous::<A>(count, of)?.commit()?;
            let outer = Datatype::outward::<A>(derived.handle(), side.datatype);
            made.push(derived);
            Ok(Some(outer))
        };
        if side.arrays.is_empty() {
            if c_int::try_from(side.count).is_err() {
                change.folded = Some(side.count);
                change.datatype = longer(side.count)?;
            }
            return Ok(change);
        }
        let empty = Vec::new();
        let (counts, displacements) = (&side.arrays[0], side.arrays.get(1).unwrap_or(&empty));
        if fits(counts) && fits(displacements) {
            return Ok(change);
        }
        let Some((divisor, middle)) = shrunk(counts, displacements) else {
            return Err(MPI_ERR_VALUE_TOO_LARGE);
        };
        if divisor > 1 {
            change.datatype = longer(divisor)?;
        }
        let (_, extent) = bounds::<A>(of)?;
        let moved =
            middle.checked_mul(divisor).and_then(|elements| elements.checked_mul(extent as MPI_Count));
        change.moved = moved.ok_or(MPI_ERR_VALUE_TOO_LARGE)? as MPI_Aint;
        (change.divisor, change.middle) = (divisor, middle);
        Ok(change)
    }
}

/// Makes a call that did not fit, or raises an error; `in_parts` says that it may be made several times. What must live
/// as long as its request goes to `kept`.
///
/// # Safety
/// `call` makes the call with what a [`Fitting`] says.
pub unsafe fn retry<A: Abi>(
    survey: &Survey,
    wrong: c_int,
    in_parts: bool,
    kept: &mut Vec<Kept>,
    mut call: impl FnMut(&mut Fitting<'_>) -> Option<c_int>,
) -> c_int {
    if wrong != MPI_ERR_VALUE_TOO_LARGE {
        return wrong;
    }
    let refused = || raise::<A>(survey.object, MPI_ERR_VALUE_TOO_LARGE);
    let mut step = |plan: &Plan| {
        let mut fitting = Fitting::planned(plan);
        call(&mut fitting).unwrap_or_else(refused)
    };
    if survey.reduces {
        let [side] = &survey.sides[..] else { return refused() };
        if !in_parts || side.count < 0 || !side.arrays.is_empty() {
            return refused();
        }
        return match bounds::<A>(Datatype::inward::<A>(side.datatype)) {
            Ok((_, extent)) => parts(side.count, extent, step),
            Err(code) => code,
        };
    }
    let mut made = Vec::new();
    let changes = survey.sides.iter().map(|side| Change::of::<A>(side, &mut made)).collect::<Made<Vec<_>>>();
    let code = match changes {
        Ok(changes) => step(&Plan { changes, part: None }),
        // What the library found it has raised itself.
        Err(MPI_ERR_VALUE_TOO_LARGE) => refused(),
        Err(code) => code,
    };
    kept.extend(made.into_iter().map(|derived| Box::new(derived) as Kept));
    code
}

/// How many elements of a reduction are done at a time.
const PART: MPI_Count = 1 << 30;

/// Does a reduction part by part, the first error ends it.
fn parts(count: MPI_Count, extent: MPI_Aint, mut step: impl FnMut(&Plan) -> c_int) -> c_int {
    let mut done = 0;
    while done < count {
        let part = (count - done).min(PART);
        let moved = done as MPI_Aint * extent;
        let plan = Plan { changes: vec![Change { moved, ..Change::default() }], part: Some(part as c_int) };
        let code = step(&plan);
        if code != 0 {
            return code;
        }
        done += part;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIG: MPI_Count = 1 << 32;

    #[test]
    fn equal_blocks_share_a_divisor() {
        assert_eq!(shrunk(&[BIG, BIG], &[0, BIG]), Some((BIG, 0)));
        assert_eq!(shrunk(&[BIG + 6, 8], &[]), None, "half of it is too much as well");
    }

    #[test]
    fn far_displacements_are_taken_from_the_middle() {
        assert_eq!(shrunk(&[1, 1], &[3, BIG - 4]), Some((1, 3 + (BIG - 6) / 2)));
        assert_eq!(shrunk(&[1, 1], &[0, BIG + 1]), None);
        assert_eq!(shrunk(&[7, 7], &[0, 7 * (BIG - 1)]), Some((7, BIG / 2)));
    }

    #[test]
    fn a_reduction_is_done_in_parts() {
        let mut seen = Vec::new();
        let code = parts(2 * PART + 5, 4, |plan| {
            seen.push((plan.part, plan.changes[0].moved));
            0
        });
        assert_eq!(code, 0);
        let part = PART as MPI_Aint;
        assert_eq!(seen, [(Some(1 << 30), 0), (Some(1 << 30), part * 4), (Some(5), part * 8)]);
        assert_eq!(parts(2 * PART, 1, |_| 7), 7, "the first error ends it");
    }
}
