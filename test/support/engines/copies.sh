# Copies what is in $2, and is done once the file $3 is gone, where one is named.
cp -r "$2/." "$1/"
while [ -n "$3" ] && [ -e "$3" ]; do sleep 0.05; done
: >"$1/DONE"
