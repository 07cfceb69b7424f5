//! Does the tree say where paths lead, as statx(2) and findmnt(8) do?

use super::*;

/// Every mount of the table is over-mounted exactly if a path leads to another one.
fn paths_lead_where_the_tree_says(table: &MountTable) -> usize {
    let tree = table.tree();
    for (mount, index) in table.iter().zip(0..) {
        let leads_there = mount_at(&mount.point()) == Some(mount.id());
        assert_eq!(tree.is_over_mounted(index), !leads_there, "{mount}\n{table}");
        let parent = tree.parent(index).map(|parent| table.get(parent).unwrap().id());
        assert_eq!(parent.is_none(), tree.roots().contains(&index));
        assert!(parent.is_none_or(|parent| parent == mount.parent_id()));
    }
    let children: usize = (0..table.len()).map(|index| tree.children(index).len()).sum();
    assert_eq!(children + tree.roots().len(), table.len());
    (0..table.len()).filter(|index| tree.is_over_mounted(*index)).count()
}

/// What findmnt(8) says: mount and parent.
fn by_findmnt() -> Vec<(u32, u32)> {
    let output = std::process::Command::new("findmnt").args(["-rno", "ID,PARENT"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers = |line: &str| line.split(' ').map(|number| number.parse().unwrap()).collect::<Vec<u32>>();
    let mut pairs: Vec<_> = text.lines().map(numbers).map(|pair| (pair[0], pair[1])).collect();
    pairs.sort_unstable();
    pairs
}

#[test]
fn the_tree_says_where_paths_lead() {
    where_mounts_are_allowed("exec", |_| {
        let before = paths_lead_where_the_tree_says(&own());
        tmpfs(b"/run/x");
        tmpfs(b"/run/x/deep/er");
        tmpfs(b"/run/x/deep");
        tmpfs(b"/run/x/deep/er");
        tmpfs(b"/run/x/deep/er/est");
        tmpfs(b"/run/x/deep/er");
        tmpfs(b"/run/x/deeper");
        tmpfs(b"/run/y y/z");
        tmpfs(b"/run/y y/z");
        tmpfs(b"/run/y y");
        bind(b"/run/x", b"/run/again");
        let table = own();
        let hidden = paths_lead_where_the_tree_says(&table);
        assert_eq!(hidden - before, 5, "{table}");
        let tree = table.tree();
        let mut pairs: Vec<(u32, u32)> = table.iter().map(|mount| (mount.id(), mount.parent_id())).collect();
        pairs.sort_unstable();
        assert_eq!(by_findmnt(), pairs);
        let root = table.get(tree.roots()[0]).unwrap();
        assert_eq!(&*root.point(), b"/");
    });
}

#[test]
fn the_tree_of_a_chroot() {
    where_mounts_are_allowed("exec", |_| {
        tmpfs(b"/run/box");
        for name in ["in/mnt", "in/bin", "in/mnt/a", "in/lib"] {
            fs::create_dir_all(format!("/run/box/{name}")).unwrap();
        }
        fs::copy("/bin/busybox", "/run/box/in/bin/busybox").unwrap();
        tmpfs(b"/run/box/in/mnt/a");
        tmpfs(b"/run/box/in/mnt");
        tmpfs(b"/run/box/in/lib");
        let line = "exec chroot /run/box/in /bin/busybox sh -c 'echo ready; exec /bin/busybox sleep 600'";
        let other = Other::run(&["env"], line);
        let table = mounts(other.pid()).unwrap();
        let tree = table.tree();
        assert_eq!(tree.roots(), [0, 1, 2]);
        let hidden: Vec<bool> = (0..3).map(|index| tree.is_over_mounted(index)).collect();
        assert_eq!(hidden, [true, false, false], "{table}");
    });
}

#[test]
fn a_tree_that_no_kernel_has() {
    let line = |id: u32, parent: u32, point: &str| format!("{id} {parent} 0:1 / {point} rw - a b c\n");
    let circle = [line(1, 2, "/a"), line(2, 3, "/b"), line(3, 1, "/c"), line(4, 4, "/d"), line(5, 1, "/a/e")];
    let table = MountTable::parse(circle.concat()).unwrap();
    let tree = table.tree();
    assert_eq!(tree.roots().len(), 2, "{tree:?}");
    let twice = MountTable::parse([line(1, 0, "/"), line(1, 0, "/"), line(1, 1, "/")].concat()).unwrap();
    assert_eq!(
        twice.tree().roots().len() + (0..3).map(|index| twice.tree().children(index).len()).sum::<usize>(),
        3
    );
    assert_eq!(tree.parent(99), None);
    assert_eq!(tree.children(99), &[0; 0]);
    assert!(!tree.is_over_mounted(99));
}

#[test]
fn paths_of_this_machine() {
    // Where others mount meanwhile, again.
    for _ in 0..100 {
        let table = own();
        let hides = table.tree();
        let leads = |mount: Mount<'_>| mount_at(&mount.point()) == Some(mount.id());
        let seen: Vec<bool> = table.iter().map(leads).collect();
        if own() == table {
            for (mount, index) in table.iter().zip(0..) {
                let is_searchable = is_root() || Path::new(OsStr::from_bytes(&mount.point())).exists();
                assert!(!is_searchable || hides.is_over_mounted(index) != seen[index], "{mount}");
            }
            return;
        }
    }
    panic!("mounts never hold still here");
}
