"""What people bring: videos, pictures, folders and zips of them."""
