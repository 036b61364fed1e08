# The other way: copies what was dumped.
cp -a "$1/." "$2/"
