//! Sharing memory with the other worker, which may be killed at any time: grants of our own, and what we do with its.

use abi::ops::{self, copy, error};

use super::call;
use super::model::Region;
use crate::rt::exception::catch;
use crate::rt::hypercall::Answer;
use crate::rt::mmio::{read64, write64};
use crate::rt::random::Random;

/// Where a vCPU maps a grant of the other worker: 1 MiB for each, behind the pieces of address space.
const MAPPED: u64 = 0x8090_0000;
/// A list of copies: a page for each vCPU, in RAM behind the program.
const LIST: u64 = 0x4021_0000;
/// The most pages of a grant.
const MOST: usize = 64;

/// The other worker, as one of our vCPUs sees it.
pub struct Peer {
    /// Its number.
    pub vm: u64,
    /// Of our vCPU.
    number: u64,
    /// The grant of it that we have mapped.
    mapped: Option<u64>,
}

impl Peer {
    /// Nothing is shared yet.
    pub fn new(vm: u64, number: usize) -> Self {
        Self {
            vm,
            number: number as u64,
            mapped: None,
        }
    }

    /// Grants some of our memory, or withdraws that.
    pub fn own(&mut self, random: &mut Random, region: &mut Region) -> Result<(), &'static str> {
        if let Some((_, _, reference)) = region.granted {
            let answer = without_tricks(ops::UNGRANT, [reference, 0, 0, 0, 0]);
            return match answer.status {
                // The one that it was made to may have died, and the grant with it.
                0 | error::NO_GRANT => {
                    region.granted = None;
                    Ok(())
                }
                error::BUSY => Ok(()),
                _ => Err("a grant could not be withdrawn"),
            };
        }
        let Some(first) = region.any(random) else {
            return Ok(());
        };
        let count = region.run(first, 1 + random.below(MOST as u64) as usize);
        let at = region.address(first);
        // For reading: nobody but us changes what we hold against our marks.
        let answer = without_tricks(ops::GRANT, [at, count as u64, self.vm, 0, self.number]);
        match answer.status {
            0 => {
                region.granted = Some((first, count, answer.value()));
                Ok(())
            }
            // The other one does not exist at the moment.
            error::STATE | error::FULL | error::NO_VM => Ok(()),
            _ => Err("memory could not be granted"),
        }
    }

    /// Does something with what the other one grants.
    pub fn others(&mut self, random: &mut Random, region: &Region) -> Result<(), &'static str> {
        let found = call(ops::GRANT_FIND, [self.vm, random.below(2)]);
        let reference = if found.is_ok() {
            found.value()
        } else {
            random.below(40)
        };
        match random.below(4) {
            0 | 1 => self.copy(random, region, reference),
            2 => self.map(reference),
            _ => self.unmap(),
        }
    }

    fn copy(
        &self,
        random: &mut Random,
        region: &Region,
        reference: u64,
    ) -> Result<(), &'static str> {
        let list = LIST + self.number * 4096;
        // To our own RAM, so that nothing of the region changes.
        let to = LIST + 0x8000 + self.number * 0x8000;
        let length = random.below(0x7000);
        let own = random.below(4) == 0;
        let source = if own { copy::OWN } else { reference };
        let from = match region.any(random) {
            Some(page) if own => region.address(page),
            _ => random.below(0x8000),
        };
        let words = [source, from, copy::OWN, to, length, 1];
        for (number, word) in words.iter().enumerate() {
            write64(list + number as u64 * 8, *word);
        }
        let answer = without_tricks(ops::GRANT_COPY, [list, 1, 0, 0, 0]);
        if answer.status == error::HANDLE || answer.is_ok() && answer.value() == 1 {
            Ok(())
        } else {
            Err("a list of copies was refused")
        }
    }

    fn map(&mut self, reference: u64) -> Result<(), &'static str> {
        if self.mapped.is_some() {
            return self.unmap();
        }
        let at = MAPPED + self.number * 0x10_0000;
        let answer = without_tricks(ops::GRANT_MAP, [reference, at, 0, 0, 0]);
        if answer.status == error::HANDLE {
            // Half of it, perhaps: that is for us to unmap.
            self.mapped = Some(reference);
        } else if answer.is_ok() {
            self.mapped = Some(reference);
            // Its owner may die at any moment, and the memory goes with it.
            let _ = catch(|| {
                let _ = read64(at);
            });
        }
        Ok(())
    }

    fn unmap(&mut self) -> Result<(), &'static str> {
        let Some(reference) = self.mapped.take() else {
            return Ok(());
        };
        let answer = without_tricks(ops::GRANT_UNMAP, [reference, 0, 0, 0, 0]);
        match answer.status {
            0 | error::NO_GRANT => Ok(()),
            error::BUSY | error::HANDLE => {
                self.mapped = Some(reference);
                Ok(())
            }
            _ => Err("a grant could not be unmapped"),
        }
    }
}

/// A call with which no tricks are played: our handler leaves it alone. The VM may still die in it; and one that pauses
/// may be dropped while our core is away, if the other vCPU lets go of many meanwhile ([`error::HANDLE`]).
fn without_tricks(function: u32, arguments: [u64; 5]) -> Answer {
    crate::rt::cpu::mask();
    let answer = call(function, arguments);
    crate::rt::cpu::unmask();
    answer
}
