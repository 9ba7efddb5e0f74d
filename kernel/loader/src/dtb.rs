//! A flattened device tree, checked once and then walked without errors; and its initrd cells, set in place.
//!
//! Source: Devicetree Specification 0.4, chapter 5. [`Dtb::parse`] walks the whole structure block, so that a
//! tree from a boot loader (which may contain NOP tokens where nodes were removed) is either refused, saying
//! why, or can be read without a surprise. Needs no alignment.

use core::fmt;

use crate::bytes::be32;

const MAGIC: u32 = 0xd00d_feed;
const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROP: u32 = 3;
const NOP: u32 = 4;
const END: u32 = 9;
/// Deeper trees are refused: nothing sensible is deeper, and recursion must end.
const MAX_DEPTH: usize = 32;

/// A checked device tree.
#[derive(Clone, Copy, Debug)]
pub struct Dtb<'a> {
    bytes: &'a [u8],
    /// Where the structure block begins in `bytes`.
    structure_at: usize,
    structure: &'a [u8],
    strings: &'a [u8],
}

/// A step through the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// A node begins; the root's name is empty.
    Begin(&'a str),
    /// A property of the innermost open node.
    Property {
        /// Its name.
        name: &'a str,
        /// Its value.
        value: &'a [u8],
        /// Where the value begins in the whole blob.
        offset: usize,
    },
    /// The innermost open node ends.
    End,
}

/// What is wrong with a device tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtbError {
    /// It does not begin with the magic number; ATAGS, or nothing.
    NoMagic(u32),
    /// The header says it has more bytes than there are, or its blocks lie outside it.
    Size,
    /// It cannot be read by a reader of version 17.
    Version(u32),
    /// The structure block is damaged, at this offset in it.
    Structure(usize),
    /// It has no `/chosen` property of that name with 4 or 8 bytes.
    Missing(&'static str),
    /// The address does not fit into the property of that name.
    DoesNotFit(&'static str),
}

impl fmt::Display for DtbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMagic(found) => {
                write!(
                    f,
                    "no device tree: it begins with {found:#010x} instead of {MAGIC:#010x}; have the boot loader pass one in x0"
                )
            }
            Self::Size => {
                f.write_str("the device tree is cut off: its header describes more than there is")
            }
            Self::Version(found) => write!(
                f,
                "the device tree has version {found}, which a reader of version 17 cannot read"
            ),
            Self::Structure(at) => write!(
                f,
                "the device tree is damaged at byte {at:#x} of its structure block"
            ),
            Self::Missing(name) => write!(
                f,
                "the device tree has no /chosen property {name} of 4 or 8 bytes: generate it with room for an initrd"
            ),
            Self::DoesNotFit(name) => write!(
                f,
                "an address above 4 GiB does not fit into the 4 bytes of /chosen {name}: generate it with 8"
            ),
        }
    }
}

impl<'a> Dtb<'a> {
    /// Bytes of the tree whose first 8 bytes these are; the size to map before [`Dtb::parse`].
    ///
    /// # Errors
    /// [`DtbError::NoMagic`].
    pub fn size(head: &[u8]) -> Result<u32, DtbError> {
        match (be32(head, 0), be32(head, 4)) {
            (Some(MAGIC), Some(size)) => Ok(size),
            (found, _) => Err(DtbError::NoMagic(found.unwrap_or(0))),
        }
    }

    /// Checks all of it. `bytes` may be longer than the tree.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DtbError> {
        let size = Self::size(bytes)? as usize;
        let bytes = bytes.get(..size).ok_or(DtbError::Size)?;
        let field = |offset| {
            be32(bytes, offset)
                .map(|v| v as usize)
                .ok_or(DtbError::Size)
        };
        let block = |at: usize, len: usize| {
            at.checked_add(len)
                .and_then(|end| bytes.get(at..end))
                .ok_or(DtbError::Size)
        };
        let last_compatible = be32(bytes, 24).ok_or(DtbError::Size)?;
        if field(20)? < 17 || last_compatible > 17 {
            return Err(DtbError::Version(last_compatible));
        }
        let structure_at = field(8)?;
        let structure = block(structure_at, field(36)?)?;
        let strings = block(field(12)?, field(32)?)?;
        let tree = Self {
            bytes,
            structure_at,
            structure,
            strings,
        };
        tree.check()?;
        Ok(tree)
    }

    /// The tree as bytes, without what may follow it.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// All nodes and properties, in their order.
    pub fn tokens(&self) -> impl Iterator<Item = Token<'a>> + use<'a> {
        let tree = *self;
        let mut at = 0usize;
        core::iter::from_fn(move || {
            let (token, next) = tree.token(at).ok()??;
            at = next;
            Some(token)
        })
    }

    /// Walks the tree: every token whole, nodes balanced, properties before children.
    fn check(&self) -> Result<(), DtbError> {
        let (mut at, mut depth, mut closed) = (0usize, 0usize, false);
        let mut roots = 0usize;
        while let Some((token, next)) = self.token(at)? {
            let wrong = Err(DtbError::Structure(at));
            match token {
                Token::Begin(_) => {
                    if depth == 0 {
                        roots = roots.saturating_add(1);
                    }
                    depth = depth.saturating_add(1);
                    if depth > MAX_DEPTH || roots > 1 {
                        return wrong;
                    }
                    closed = false;
                }
                Token::Property { .. } if depth == 0 || closed => return wrong,
                Token::Property { .. } => {}
                Token::End if depth == 0 => return wrong,
                Token::End => {
                    depth = depth.saturating_sub(1);
                    closed = true;
                }
            }
            at = next;
        }
        if depth != 0 || roots != 1 {
            return Err(DtbError::Structure(at));
        }
        Ok(())
    }

    /// The token at `at` in the structure block and where the next one is; `None` at the end.
    fn token(&self, mut at: usize) -> Result<Option<(Token<'a>, usize)>, DtbError> {
        let wrong = DtbError::Structure(at);
        loop {
            let kind = be32(self.structure, at).ok_or(wrong)?;
            at = at.checked_add(4).ok_or(wrong)?;
            return match kind {
                NOP => continue,
                END => Ok(None),
                END_NODE => Ok(Some((Token::End, at))),
                BEGIN_NODE => {
                    let name = text(self.structure, at).ok_or(wrong)?;
                    let next = at
                        .checked_add(name.len())
                        .and_then(|n| n.checked_add(1))
                        .and_then(align4);
                    Ok(Some((Token::Begin(name), next.ok_or(wrong)?)))
                }
                PROP => {
                    let len = be32(self.structure, at).ok_or(wrong)? as usize;
                    let name_at = at
                        .checked_add(4)
                        .and_then(|n| be32(self.structure, n))
                        .ok_or(wrong)?;
                    let name = text(self.strings, name_at as usize).ok_or(wrong)?;
                    let start = at.checked_add(8).ok_or(wrong)?;
                    let end = start.checked_add(len).ok_or(wrong)?;
                    let value = self.structure.get(start..end).ok_or(wrong)?;
                    let offset = self.structure_at.checked_add(start).ok_or(wrong)?;
                    Ok(Some((
                        Token::Property {
                            name,
                            value,
                            offset,
                        },
                        align4(end).ok_or(wrong)?,
                    )))
                }
                _ => Err(wrong),
            };
        }
    }
}

/// Writes the initrd's first byte and the first byte after it into `/chosen` of a guest's tree, whose
/// `linux,initrd-start` and `linux,initrd-end` exist already, with 4 or 8 bytes each.
///
/// # Errors
/// The tree is damaged, or a property is missing or too small.
pub fn set_initrd(blob: &mut [u8], start: u64, end: u64) -> Result<(), DtbError> {
    for (name, address) in [("linux,initrd-start", start), ("linux,initrd-end", end)] {
        let (offset, len) = find_chosen(&Dtb::parse(blob)?, name).ok_or(DtbError::Missing(name))?;
        let to = offset
            .checked_add(len)
            .and_then(|to| blob.get_mut(offset..to))
            .ok_or(DtbError::Size)?;
        match len {
            8 => to.copy_from_slice(&address.to_be_bytes()),
            4 => {
                let short = u32::try_from(address).map_err(|_| DtbError::DoesNotFit(name))?;
                to.copy_from_slice(&short.to_be_bytes());
            }
            _ => return Err(DtbError::Missing(name)),
        }
    }
    Ok(())
}

/// Offset and length of a property of `/chosen`.
fn find_chosen(tree: &Dtb<'_>, wanted: &str) -> Option<(usize, usize)> {
    let (mut depth, mut inside) = (0usize, false);
    for token in tree.tokens() {
        match token {
            Token::Begin(name) => {
                depth = depth.saturating_add(1);
                inside = inside || (depth == 2 && name == "chosen");
            }
            Token::End => {
                depth = depth.saturating_sub(1);
                inside = inside && depth >= 2;
            }
            Token::Property {
                name,
                value,
                offset,
            } => {
                if inside && depth == 2 && name == wanted {
                    return Some((offset, value.len()));
                }
            }
        }
    }
    None
}

/// The NUL-terminated text at `at`.
fn text(bytes: &[u8], at: usize) -> Option<&str> {
    let rest = bytes.get(at..)?;
    let end = rest.iter().position(|b| *b == 0)?;
    core::str::from_utf8(rest.get(..end)?).ok()
}

fn align4(value: usize) -> Option<usize> {
    Some(value.checked_add(3)? & !3)
}
