"""Searches in object stores: any URI that `pyarrow.fs` knows. `docs/storage.md` argues the design.

place         where something is kept: a URI without credentials
patience      waits out a store that is away; tells at once what cannot heal
store         a folder of an object store
segments      a log without appending: what names of objects say of it
claims        one writer without locks
restoring     from segments to a file
mirror        from what is appended to segments, small ones merged
logs          a log opened to be written
working_copy  a search in a store as the directory that all commands read
"""
