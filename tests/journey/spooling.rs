//! What was heard and is not in the store yet waits on the disk, and goes into the store once, whichever server brings it there.

use std::fs;

use pressroom::track;

use super::Folder;

#[tokio::test]
async fn what_is_no_servers_folder_among_them_keeps_nothing_from_being_sent() {
    let folder = Folder::with_readers(&["ada@example.com"]);
    let spool = track::spool_path(&folder.app());
    fs::create_dir_all(spool.join("0123456789abcdef")).unwrap();
    fs::write(spool.join(".DS_Store"), "").unwrap();
    fs::write(spool.join("0123456789abcdef/7"), "").unwrap();
    folder.send().await.unwrap();
    assert_eq!(track::waiting(&folder.app()).unwrap(), 0);

    fs::create_dir(spool.join("0123456789abcdef/000000000001")).unwrap();
    let refused = format!("{:#}", folder.send().await.unwrap_err());
    assert!(refused.contains("spool/0123456789abcdef"), "{refused}");
}
