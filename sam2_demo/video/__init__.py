"""What people bring: videos, images, folders and zips of them."""
