#!/bin/sh
# Writes a backup that is done once the file $2 is gone.
echo part >"$1/part"
while [ -e "$2" ]; do sleep 0.05; done
echo whole >"$1/whole"
: >"$1/DONE"
