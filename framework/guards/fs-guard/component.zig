//! Guard between a component and `wasi:filesystem`: passes on the directories that the component's rules permit, and
//! denies changes where they permit reading only. Descriptors are wrapped, so that what is opened through one has its
//! rights at most. Streams of files are the host's own: their data does not pass the guard.

const bindings = @import("bindings");
const paths = @import("paths.zig");

const memory = bindings.memory;
const types = bindings.wasi_filesystem.types;
const exported = bindings.exports.wasi_filesystem.types;
const Inner = types.Descriptor;
const ErrorCode = types.ErrorCode;

fn Result(comptime T: type) type {
    return bindings.abi.Result(T, ErrorCode);
}

const denied: ErrorCode = .not_permitted;

pub const exports = struct {
    pub const wasi_filesystem = struct {
        pub const types = struct {
            pub const Descriptor = Guarded;
            pub const DirectoryEntryStream = Entries;

            pub fn filesystemErrorCode(err: exported.Error) ?ErrorCode {
                return bindings.wasi_filesystem.types.filesystemErrorCode(err);
            }
        };

        pub const preopens = struct {
            pub const getDirectories = permitted;
        };
    };
};

const Preopen = struct { exported.Descriptor, []const u8 };

/// Return the permitted directories: those of the host at or below the path of a rule, and the paths of rules inside
/// one of the host.
fn permitted() []const Preopen {
    const rules = bindings.fs_rules.all();
    const given = bindings.wasi_filesystem.preopens.getDirectories();
    const found = memory.alloc(Preopen, given.len + rules.len);
    var count: usize = 0;
    for (given, 0..) |directory, index| {
        const path = paths.trimmed(directory[1]);
        var passes = false;
        var writable = false;
        for (rules) |rule| if (paths.below(path, rule.path) != null) {
            passes = true;
            writable = writable or rule.writable;
        };
        for (rules) |rule| {
            if (nearest(given, rule.path) != index) continue;
            const rest = paths.below(rule.path, path) orelse continue;
            if (rest.len == 0) continue;
            const inner = openBelow(directory[0], rest, rule.writable) orelse continue;
            found[count] = .{ wrapped(inner, rule.writable), rule.path };
            count += 1;
        }
        if (passes) {
            found[count] = .{ wrapped(directory[0], writable), directory[1] };
            count += 1;
        } else directory[0].drop();
    }
    return found[0..count];
}

/// Return the index of the host's directory that a path is in: of those that contain it, the first with the longest
/// path.
fn nearest(given: anytype, path: []const u8) ?usize {
    var found: ?usize = null;
    var length: usize = 0;
    for (given, 0..) |directory, index| {
        if (paths.below(path, directory[1]) == null) continue;
        const own = paths.trimmed(directory[1]).len;
        if (found != null and own <= length) continue;
        found = index;
        length = own;
    }
    return found;
}

/// Open a directory below another one without following links; null if it does not exist.
fn openBelow(directory: Inner, path: []const u8, writable: bool) ?Inner {
    var rest = path;
    var opened: ?Inner = null;
    while (rest.len > 0) {
        const name = paths.first(rest);
        rest = rest[@min(name.len + 1, rest.len)..];
        const parent = opened orelse directory;
        const flags: types.DescriptorFlags = .{ .read = true, .mutate_directory = writable };
        const next = parent.openAt(.{}, name, .{ .directory = true }, flags);
        if (opened) |own| own.drop();
        opened = switch (next) {
            .ok => |inner| inner,
            .err => return null,
        };
    }
    return opened;
}

fn wrapped(inner: Inner, writable: bool) exported.Descriptor {
    const object = memory.gpa.create(Guarded) catch @trap();
    object.* = .{ .inner = inner, .writable = writable };
    return .new(object);
}

const Guarded = struct {
    inner: Inner,
    writable: bool,

    pub fn deinit(self: *Guarded) void {
        self.inner.drop();
        memory.gpa.destroy(self);
    }

    pub fn readViaStream(self: *Guarded, offset: u64) Result(types.InputStream) {
        return self.inner.readViaStream(offset);
    }

    pub fn writeViaStream(self: *Guarded, offset: u64) Result(types.OutputStream) {
        return if (self.writable) self.inner.writeViaStream(offset) else .{ .err = denied };
    }

    pub fn appendViaStream(self: *Guarded) Result(types.OutputStream) {
        return if (self.writable) self.inner.appendViaStream() else .{ .err = denied };
    }

    pub fn advise(self: *Guarded, offset: u64, length: u64, advice: types.Advice) Result(void) {
        return self.inner.advise(offset, length, advice);
    }

    pub fn syncData(self: *Guarded) Result(void) {
        return self.inner.syncData();
    }

    pub fn getFlags(self: *Guarded) Result(types.DescriptorFlags) {
        var flags = self.inner.getFlags();
        if (flags == .ok and !self.writable) {
            flags.ok.write = false;
            flags.ok.mutate_directory = false;
        }
        return flags;
    }

    pub fn getType(self: *Guarded) Result(types.DescriptorType) {
        return self.inner.getType();
    }

    pub fn setSize(self: *Guarded, size: u64) Result(void) {
        return if (self.writable) self.inner.setSize(size) else .{ .err = denied };
    }

    pub fn setTimes(self: *Guarded, access: types.NewTimestamp, modification: types.NewTimestamp) Result(void) {
        return if (self.writable) self.inner.setTimes(access, modification) else .{ .err = denied };
    }

    pub fn read(self: *Guarded, length: u64, offset: u64) Result(struct { []const u8, bool }) {
        return switch (self.inner.read(length, offset)) {
            .ok => |found| .{ .ok = .{ found[0], found[1] } },
            .err => |code| .{ .err = code },
        };
    }

    pub fn write(self: *Guarded, buffer: []const u8, offset: u64) Result(u64) {
        return if (self.writable) self.inner.write(buffer, offset) else .{ .err = denied };
    }

    pub fn readDirectory(self: *Guarded) Result(exported.DirectoryEntryStream) {
        const inner = switch (self.inner.readDirectory()) {
            .ok => |inner| inner,
            .err => |code| return .{ .err = code },
        };
        const object = memory.gpa.create(Entries) catch @trap();
        object.* = .{ .inner = inner };
        return .{ .ok = .new(object) };
    }

    pub fn sync(self: *Guarded) Result(void) {
        return self.inner.sync();
    }

    pub fn createDirectoryAt(self: *Guarded, path: []const u8) Result(void) {
        return if (self.changes(path)) self.inner.createDirectoryAt(path) else .{ .err = denied };
    }

    pub fn stat(self: *Guarded) Result(types.DescriptorStat) {
        return self.inner.stat();
    }

    pub fn statAt(self: *Guarded, flags: types.PathFlags, path: []const u8) Result(types.DescriptorStat) {
        return if (paths.isInside(path)) self.inner.statAt(flags, path) else .{ .err = denied };
    }

    pub fn setTimesAt(
        self: *Guarded,
        flags: types.PathFlags,
        path: []const u8,
        access: types.NewTimestamp,
        modification: types.NewTimestamp,
    ) Result(void) {
        return if (self.changes(path))
            self.inner.setTimesAt(flags, path, access, modification)
        else
            .{ .err = denied };
    }

    /// A link makes a file writable through the other directory, so both must be writable.
    pub fn linkAt(
        self: *Guarded,
        flags: types.PathFlags,
        old_path: []const u8,
        other: *Guarded,
        new_path: []const u8,
    ) Result(void) {
        return if (self.changes(old_path) and other.changes(new_path))
            self.inner.linkAt(flags, old_path, other.inner, new_path)
        else
            .{ .err = denied };
    }

    pub fn openAt(
        self: *Guarded,
        path_flags: types.PathFlags,
        path: []const u8,
        open_flags: types.OpenFlags,
        flags: types.DescriptorFlags,
    ) Result(exported.Descriptor) {
        if (!paths.isInside(path)) return .{ .err = denied };
        var requested = flags;
        if (!self.writable) {
            if (open_flags.create or open_flags.truncate or flags.write) return .{ .err = denied };
            // Directories are opened with it by default.
            requested.mutate_directory = false;
        }
        return switch (self.inner.openAt(path_flags, path, open_flags, requested)) {
            .ok => |inner| .{ .ok = wrapped(inner, self.writable) },
            .err => |code| .{ .err = code },
        };
    }

    pub fn readlinkAt(self: *Guarded, path: []const u8) Result([]const u8) {
        return if (paths.isInside(path)) self.inner.readlinkAt(path) else .{ .err = denied };
    }

    pub fn removeDirectoryAt(self: *Guarded, path: []const u8) Result(void) {
        return if (self.changes(path)) self.inner.removeDirectoryAt(path) else .{ .err = denied };
    }

    pub fn renameAt(self: *Guarded, old_path: []const u8, other: *Guarded, new_path: []const u8) Result(void) {
        return if (self.changes(old_path) and other.changes(new_path))
            self.inner.renameAt(old_path, other.inner, new_path)
        else
            .{ .err = denied };
    }

    /// The target of a link is relative to the link, so only an absolute one certainly leads out.
    pub fn symlinkAt(self: *Guarded, old_path: []const u8, new_path: []const u8) Result(void) {
        return if (self.changes(new_path) and !paths.isAbsolute(old_path))
            self.inner.symlinkAt(old_path, new_path)
        else
            .{ .err = denied };
    }

    pub fn unlinkFileAt(self: *Guarded, path: []const u8) Result(void) {
        return if (self.changes(path)) self.inner.unlinkFileAt(path) else .{ .err = denied };
    }

    pub fn isSameObject(self: *Guarded, other: *Guarded) bool {
        return self.inner.isSameObject(other.inner);
    }

    pub fn metadataHash(self: *Guarded) Result(types.MetadataHashValue) {
        return self.inner.metadataHash();
    }

    pub fn metadataHashAt(self: *Guarded, flags: types.PathFlags, path: []const u8) Result(types.MetadataHashValue) {
        return if (paths.isInside(path)) self.inner.metadataHashAt(flags, path) else .{ .err = denied };
    }

    fn changes(self: *Guarded, path: []const u8) bool {
        return self.writable and paths.isInside(path);
    }
};

const Entries = struct {
    inner: types.DirectoryEntryStream,

    pub fn deinit(self: *Entries) void {
        self.inner.drop();
        memory.gpa.destroy(self);
    }

    pub fn readDirectoryEntry(self: *Entries) Result(?types.DirectoryEntry) {
        return self.inner.readDirectoryEntry();
    }
};
