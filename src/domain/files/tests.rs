//! Files as their owner, the neighbours and an administrator see them, at the limits and past them.

use super::*;
use crate::domain::access::Caller;
use crate::domain::{accounts as people, sweeper, testing};
use crate::model::files::FilePath;
use crate::model::rights::AclStep;
use crate::store::Store;

fn name(text: &str) -> FileName {
    text.parse().unwrap()
}

/// One account; each step is a transaction.
struct Files {
    store: Store,
    owner: Caller,
    limits: Limits,
}

impl Files {
    async fn new() -> Self {
        let store = Store::in_memory();
        let owner = testing::new_account(&store, "alice@example.test").await;
        Self { store, owner, limits: Limits::default() }
    }
    async fn write(&self, file: &str, bytes: &[u8], at: WriteAt) -> Outcome<FileInfo> {
        let (account, file, bytes, limits) = (self.owner.account, name(file), bytes.to_vec(), self.limits.clone());
        self.store.write(move |tx| write(tx, account, &file, &bytes, at, &limits, Timestamp(50))).await
    }
    async fn text(&self, file: &str) -> Option<String> {
        let (account, file) = (self.owner.account, name(file));
        let bytes = self.store.read(move |tx| read(tx, account, &file)).await.unwrap();
        bytes.map(|bytes| String::from_utf8(bytes).unwrap())
    }
    async fn change<F>(&self, job: F) -> Outcome<()>
    where
        F: Fn(&WriteTx, AccountId, &Limits) -> Outcome<()> + Send + 'static,
    {
        let (account, limits) = (self.owner.account, self.limits.clone());
        self.store.write(move |tx| job(tx, account, &limits)).await
    }
    async fn set(&self, setting: &str, value: &str) {
        let change = [(setting.to_owned(), value.to_owned())];
        self.change(move |tx, account, _| people::set_settings(tx, account, &change)).await.unwrap();
    }
    async fn count(&self, directory: Option<&str>) -> (u64, u64) {
        let (account, directory) = (self.owner.account, directory.map(name));
        let count = self.store.read(move |tx| count(tx, account, directory.as_ref())).await.unwrap();
        (count.files, count.bytes)
    }
    async fn names(&self, directory: Option<&str>) -> String {
        let (account, directory) = (self.owner.account, directory.map(name));
        let all = self.store.read(move |tx| list(tx, account, directory.as_ref(), "", 100)).await.unwrap();
        all.into_iter().map(|(name, info)| if info.is_directory() { name + "/" } else { name }).collect::<Vec<_>>().join(" ")
    }
}

fn run(test: impl Future<Output = ()>) {
    actix::System::new().block_on(test);
}

#[test]
fn files_are_written_at_every_place() {
    run(async {
        let files = Files::new().await;
        assert_eq!(files.write("a/b/t.txt", b"x", WriteAt::Position(0)).await.unwrap_err().number, 510);
        assert_eq!(files.write("a/b/t.txt", b"hello", WriteAt::New).await.unwrap().size, Some(5));
        assert_eq!(files.write("a/b/t.txt", b"hello", WriteAt::New).await.unwrap_err(), file_exists());
        files.write("a/b/t.txt", b" world", WriteAt::End).await.unwrap();
        files.write("a/b/t.txt", b"J", WriteAt::Position(0)).await.unwrap();
        files.write("a/b/t.txt", b"d!", WriteAt::Position(10)).await.unwrap();
        assert_eq!(files.text("a/b/t.txt").await.unwrap(), "Jello world!");
        assert_eq!(files.write("a/b/t.txt", b"x", WriteAt::Position(13)).await.unwrap_err().number, 500);
        assert_eq!(files.count(None).await, (3, 12));
        files.write("a/b/t.txt", b"new", WriteAt::Replace).await.unwrap();
        assert_eq!((files.text("a/b/t.txt").await.unwrap().as_str(), files.count(Some("a")).await), ("new", (2, 3)));
        for in_the_way in ["a", "a/b/t.txt/c"] {
            assert_eq!(files.write(in_the_way, b"x", WriteAt::Replace).await.unwrap_err().number, 511, "{in_the_way}");
        }
        assert_eq!(files.text("a/none/t").await, None);
        let account = files.owner.account;
        let slice = |at, most| files.store.read(move |tx| read_slice(tx, account, &name("a/b/t.txt"), at, most));
        assert_eq!(slice(1, 1).await.unwrap().bytes, b"e");
        assert_eq!(slice(3, 9).await.unwrap().bytes, b"");
        assert_eq!(slice(4, 9).await.unwrap_err().text, "reading beyond the EOF mark");
    });
}

#[test]
fn limits_and_settings_hold_to_the_byte() {
    run(async {
        let files = Files { limits: Limits { file_size: 10, ..Limits::default() }, ..Files::new().await };
        files.write("a", b"0123456789", WriteAt::Replace).await.unwrap();
        assert_eq!(files.write("a", b"x", WriteAt::End).await.unwrap_err().text, "file is too large");
        assert_eq!(files.text("a").await.unwrap(), "0123456789", "a refusal changes nothing");
        files.set("MaxFileSize", "4").await;
        assert_eq!(files.write("b", b"01234", WriteAt::New).await.unwrap_err().number, 512);
        files.write("a", b"0123", WriteAt::Replace).await.unwrap();
        files.set("MaxWebSize", "7").await;
        assert_eq!(files.write("b", b"0123", WriteAt::New).await.unwrap_err().text, "account storage is over quota");
        files.write("b", b"012", WriteAt::New).await.unwrap();
        files.set("MaxWebFiles", "3").await;
        assert_eq!(files.write("d/c", b"", WriteAt::New).await.unwrap_err().text, "too many files");
        assert_eq!(files.names(None).await, "a b", "the directory is not left behind");
        files.write("c", b"", WriteAt::New).await.unwrap();
        let more =
            |file: &'static str| files.change(move |tx, account, limits| create_directory(tx, account, &name(file), limits, Timestamp(1)));
        assert_eq!(more("d").await.unwrap_err().number, 512);
        files.set("MaxWebFiles", "-1").await;
        more("d").await.unwrap();
        assert_eq!(files.count(None).await, (4, 7));
    });
}

#[test]
fn names_move_and_go() {
    run(async {
        let files = Files::new().await;
        files.write("a/b/one", b"1", WriteAt::New).await.unwrap();
        files.write("a/two", b"22", WriteAt::New).await.unwrap();
        let moved = |from: &'static str, to: &'static str| {
            files.change(move |tx, account, limits| rename(tx, account, &name(from), &name(to), limits, Timestamp(1)))
        };
        assert_eq!(moved("a/two", "a/b/one").await.unwrap_err().number, 511);
        assert_eq!(moved("a/b", "c").await.unwrap_err().number, 510, "a directory is no file");
        moved("a/two", "new/three").await.unwrap();
        assert_eq!((files.names(None).await.as_str(), files.count(None).await), ("a/ new/", (5, 3)));
        let directory = |from: &'static str, to: &'static str| {
            files.change(move |tx, account, limits| rename_directory(tx, account, &name(from), &name(to), limits, Timestamp(1)))
        };
        assert_eq!(directory("a", "a/b/c").await.unwrap_err().number, 500);
        assert_eq!(directory("a", "new").await.unwrap_err().number, 511);
        let too_deep: String = vec!["d"; 31].join("/");
        let deep =
            files.change(move |tx, account, limits| rename_directory(tx, account, &name("a"), &name(&too_deep), limits, Timestamp(1)));
        assert_eq!(deep.await.unwrap_err().text, "file name has too many levels");
        directory("a", "new/a").await.unwrap();
        assert_eq!(files.text("new/a/b/one").await.unwrap(), "1");
        let account = files.owner.account;
        let all = files.store.read(move |tx| directories(tx, account)).await.unwrap();
        assert_eq!(all.iter().map(FileName::as_str).collect::<Vec<_>>(), ["new", "new/a", "new/a/b"]);
        let gone = |directory: &'static str| files.change(move |tx, account, _| remove_directory(tx, account, &name(directory)));
        assert_eq!(gone("new/a/b").await.unwrap_err().text, "directory is not empty");
        files.change(|tx, account, _| remove(tx, account, &name("new/a/b/one"))).await.unwrap();
        gone("new/a/b").await.unwrap();
        assert_eq!(gone("new/a/b").await.unwrap_err().number, 510);
        assert_eq!((files.names(Some("new")).await.as_str(), files.count(None).await), ("a/ three", (3, 2)));
    });
}

#[test]
fn attributes_belong_to_the_file_and_are_copied() {
    run(async {
        let files = Files::new().await;
        files.write("a", b"1", WriteAt::New).await.unwrap();
        let one = |name: &str, body: &str| FileAttribute { name: name.into(), source: format!("<{name}>{body}</{name}>") };
        let steps = vec![
            AttributeStep::Set(one("x", "1")),
            AttributeStep::Add(one("x", "2")),
            AttributeStep::Set(one("y", "3")),
            AttributeStep::Remove("none".into()),
        ];
        files.change(move |tx, account, _| change_attributes(tx, account, &name("a"), &steps, Timestamp(7))).await.unwrap();
        files.change(|tx, account, limits| rename(tx, account, &name("a"), &name("b"), limits, Timestamp(8))).await.unwrap();
        files.write("b", b"other bytes", WriteAt::Replace).await.unwrap();
        files
            .change(|tx, account, limits| copy(tx, (account, &name("b")), (account, &name("c/d")), limits, Timestamp(9)).map(drop))
            .await
            .unwrap();
        let account = files.owner.account;
        for file in ["b", "c/d"] {
            let read = move |tx: &dyn Read| Ok((attributes(tx, account, &name(file), &[])?, info(tx, account, &name(file))?));
            let (all, info) = files.store.read(read).await.unwrap();
            assert_eq!(all, [one("x", "1"), one("x", "2"), one("y", "3")]);
            assert_eq!(info.attributes_modified, Some(Timestamp(7)));
        }
        assert_eq!(files.text("c/d").await.unwrap(), "other bytes");
        let named = files.store.read(move |tx| attributes(tx, account, &name("b"), &["y".into()])).await.unwrap();
        assert_eq!(named, [one("y", "3")]);
        files
            .change(move |tx, account, _| change_attributes(tx, account, &name("b"), &[AttributeStep::Remove("x".into())], Timestamp(7)))
            .await
            .unwrap();
        assert_eq!(files.store.read(move |tx| attributes(tx, account, &name("b"), &[])).await.unwrap(), [one("y", "3")]);
        let much = vec![AttributeStep::Add(one("z", "")); MOST_ATTRIBUTES];
        let refused = files.change(move |tx, account, _| change_attributes(tx, account, &name("b"), &much, Timestamp(7)));
        assert_eq!(refused.await.unwrap_err().number, 512);
    });
}

#[test]
fn neighbours_need_a_right() {
    run(async {
        let files = Files::new().await;
        let (bob, root) =
            (testing::new_account(&files.store, "bob@example.test").await, testing::new_account(&files.store, "root@example.test").await);
        let (owner, admin) = (files.owner.account, root.account);
        files
            .store
            .write(move |tx| accounts::put(tx, admin, &accounts::AccountRecord { admin: true, ..accounts::get(tx, admin)? }))
            .await
            .unwrap();
        let asked = |caller: &Caller, path: &str, need| {
            let (caller, path): (_, FilePath) = (caller.clone(), path.parse().unwrap());
            files.store.read(move |tx| Ok(reach(tx, &caller, &path, need).map_err(|fault| fault.number)))
        };
        let allow = |rights: &'static str| {
            files.change(move |tx, account, _| {
                let mut record = accounts::get(tx, account)?;
                record.acl.update(&[AclStep::Set("bob".parse()?, rights.parse()?)])?;
                accounts::put(tx, account, &record)
            })
        };
        assert_eq!(asked(&bob, "mine", Need::Writing).await.unwrap(), Ok(bob.account));
        assert_eq!(asked(&bob, "~bob/private/x", Need::Writing).await.unwrap(), Ok(bob.account));
        assert_eq!(asked(&bob, "~alice/x", Need::Reading).await.unwrap(), Err(510));
        assert_eq!(asked(&bob, "~nobody/x", Need::Reading).await.unwrap(), Err(510));
        allow("f").await.unwrap();
        assert_eq!(asked(&bob, "~alice/x", Need::Reading).await.unwrap(), Ok(owner));
        assert_eq!(asked(&bob, "~alice/x", Need::Writing).await.unwrap(), Err(513));
        assert_eq!(asked(&bob, "~alice@example.test/private/x", Need::Reading).await.unwrap(), Err(513));
        allow("fw").await.unwrap();
        assert_eq!(asked(&bob, "~alice/x", Need::Writing).await.unwrap(), Ok(owner));
        assert_eq!(asked(&bob, "~alice/private", Need::Writing).await.unwrap(), Err(513));
        assert_eq!(asked(&root, "~alice/private/x", Need::Writing).await.unwrap(), Ok(owner));
    });
}

#[test]
fn files_go_with_their_account() {
    run(async {
        let files = Files::new().await;
        files.write("a/large", &vec![7; 2_000_000], WriteAt::New).await.unwrap();
        files.change(|tx, account, _| people::remove(tx, account)).await.unwrap();
        sweeper::sweep(&files.store).await.unwrap();
        let account = files.owner.account;
        let left = files.store.read(move |tx| {
            let mut left = 0;
            for table in [crate::store::tables::FILE_CHUNKS, crate::store::tables::FILE_NAMES] {
                tx.scan(
                    table,
                    (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded),
                    crate::store::engine::Direction::Forward,
                    &mut |_, _| {
                        left += 1;
                        Ok(std::ops::ControlFlow::Continue(()))
                    },
                )?;
            }
            Ok((left, files::usage(tx, account)?))
        });
        assert_eq!(left.await.unwrap(), (0, FileUsage::default()));
    });
}
