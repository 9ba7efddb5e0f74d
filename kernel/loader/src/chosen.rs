//! What the hypervisor wants to know from the boot loader's device tree: memory, and `/chosen` modules.
//!
//! A module is a child of `/chosen` whose `compatible` contains `multiboot,module`, `multiboot,kernel`,
//! `multiboot,ramdisk` or `caesura,module`, with `reg` (the cells are `/chosen`'s, or the root's if it has
//! none) and optionally `bootargs`, by which a system's TOML refers to it. The form is that of Xen's
//! docs/misc/arm/device-tree/booting.txt, which boot loaders' scripts already write.

use crate::bytes::be32;
use crate::dtb::{Dtb, Token};

/// A range of physical addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First byte.
    pub base: u64,
    /// Bytes.
    pub size: u64,
}

/// A file that the boot loader has put into memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Module<'a> {
    /// Its node's name.
    pub node: &'a str,
    /// Its `bootargs`, empty if it has none.
    pub bootargs: &'a str,
    /// Where it is.
    pub range: Range,
}

/// `#address-cells` and `#size-cells`.
#[derive(Clone, Copy)]
struct Cells {
    address: u32,
    size: u32,
}

impl Cells {
    /// The specification's defaults (§2.3.5).
    const DEFAULT: Self = Self {
        address: 2,
        size: 1,
    };

    /// Notes a property if it is one of the two.
    fn note(&mut self, name: &str, value: &[u8]) {
        match (name, be32(value, 0)) {
            ("#address-cells", Some(cells)) => self.address = cells,
            ("#size-cells", Some(cells)) => self.size = cells,
            _ => {}
        }
    }

    /// The ranges in a `reg`.
    fn ranges(self, reg: &[u8]) -> impl Iterator<Item = Range> {
        let bytes = |cells: u32| (cells as usize).saturating_mul(4);
        let (address, size) = (bytes(self.address), bytes(self.size));
        // A width of 0 would never end; addresses wider than 64 bits are not ours.
        let sensible = (1..=2).contains(&self.address) && (1..=2).contains(&self.size);
        let step = address.saturating_add(size).max(1);
        reg.chunks_exact(step)
            .filter(move |_| sensible)
            .filter_map(move |entry| {
                let (base, size) = entry.split_at_checked(address)?;
                Some(Range {
                    base: number(base),
                    size: number(size),
                })
            })
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// RAM: all ranges of the `/memory` nodes (`device_type = "memory"`).
pub fn memory<'a>(tree: &Dtb<'a>) -> impl Iterator<Item = Range> + use<'a> {
    let mut walk = Walk::new(tree);
    core::iter::from_fn(move || walk.find(|node| node.parent.is_empty() && node.is_memory))
        .flat_map(|node| node.cells.ranges(node.reg))
}

/// The modules, in the tree's order. Modules without a usable `reg` are left out.
pub fn modules<'a>(tree: &Dtb<'a>) -> impl Iterator<Item = Module<'a>> + use<'a> {
    let mut walk = Walk::new(tree);
    core::iter::from_fn(move || walk.find(|node| node.parent == "chosen" && node.is_module))
        .filter_map(|node| {
            let range = node.cells.ranges(node.reg).next()?;
            Some(Module {
                node: node.name,
                bootargs: node.bootargs,
                range,
            })
        })
}

/// What we look at in a node that is a child of the root or of a child of the root.
#[derive(Clone, Copy)]
struct Node<'a> {
    name: &'a str,
    /// Name of the node above, if that is not the root.
    parent: &'a str,
    /// The cells that hold for its `reg`.
    cells: Cells,
    reg: &'a [u8],
    bootargs: &'a str,
    is_memory: bool,
    is_module: bool,
}

/// A walk over the tree's first three levels.
struct Walk<'a, I: Iterator<Item = Token<'a>>> {
    tokens: I,
    depth: usize,
    root: Cells,
    /// The child of the root that is open: its name, its cells, and itself.
    child: &'a str,
    child_cells: Cells,
    node: Option<Node<'a>>,
}

impl<'a> Walk<'a, core::iter::Empty<Token<'a>>> {
    #[allow(
        clippy::new_ret_no_self,
        reason = "the iterator's type cannot be named"
    )]
    fn new(tree: &Dtb<'a>) -> Walk<'a, impl Iterator<Item = Token<'a>> + use<'a>> {
        Walk {
            tokens: tree.tokens(),
            depth: 0,
            root: Cells::DEFAULT,
            child: "",
            child_cells: Cells::DEFAULT,
            node: None,
        }
    }
}

impl<'a, I: Iterator<Item = Token<'a>>> Walk<'a, I> {
    /// The next node of which `wanted` holds, once all its properties are known.
    fn find(&mut self, wanted: impl Fn(&Node<'a>) -> bool) -> Option<Node<'a>> {
        loop {
            let complete = match self.tokens.next()? {
                Token::Begin(name) => self.begin(name),
                Token::Property { name, value, .. } => {
                    self.property(name, value);
                    None
                }
                Token::End => {
                    self.depth = self.depth.saturating_sub(1);
                    self.node.take()
                }
            };
            if let Some(node) = complete.filter(&wanted) {
                return Some(node);
            }
        }
    }

    /// Properties precede children, so a node that begins completes the one around it.
    fn begin(&mut self, name: &'a str) -> Option<Node<'a>> {
        self.depth = self.depth.saturating_add(1);
        let (parent, cells) = match self.depth {
            2 => {
                self.child = name;
                self.child_cells = self.root;
                ("", self.root)
            }
            3 => (self.child, self.child_cells),
            _ => return self.node.take(),
        };
        let fresh = Node {
            name,
            parent,
            cells,
            reg: &[],
            bootargs: "",
            is_memory: false,
            is_module: false,
        };
        self.node.replace(fresh)
    }

    fn property(&mut self, name: &'a str, value: &'a [u8]) {
        match self.depth {
            1 => self.root.note(name, value),
            2 => self.child_cells.note(name, value),
            _ => {}
        }
        let Some(node) = &mut self.node else { return };
        match name {
            "reg" => node.reg = value,
            "device_type" => node.is_memory = value == b"memory\0",
            "compatible" => {
                node.is_module = value.split(|b| *b == 0).any(|name| {
                    matches!(
                        name,
                        b"multiboot,module"
                            | b"multiboot,kernel"
                            | b"multiboot,ramdisk"
                            | b"caesura,module"
                    )
                });
            }
            "bootargs" => {
                let text = value.split(|b| *b == 0).next().unwrap_or_default();
                node.bootargs = core::str::from_utf8(text).unwrap_or("");
            }
            _ => {}
        }
    }
}
