// How the host runs the kernels: by number, as kernels.rs counts them.

#include <sys/mman.h>
#include <unistd.h>

namespace {

template <typename Args, void kernel(const Args)>
void call(const void* args) {
    kernel(*static_cast<const Args*>(args));
}

struct Entry {
    int threads;
    u64 args_bytes;
    void (*run)(const void*);
};

const Entry KERNELS[] = {
    {256, sizeof(Norm), call<Norm, norm>},
    {128, sizeof(Linear), call<Linear, linear>},
    {256, sizeof(Linear), call<Linear, linear_many>},
    {32, sizeof(Route), call<Route, route>},
    {256, sizeof(Group), call<Group, group>},
    {128, sizeof(Experts), call<Experts, gate_up>},
    {128, sizeof(Experts), call<Experts, down>},
    {256, sizeof(Experts), call<Experts, gate_up_many>},
    {256, sizeof(Experts), call<Experts, down_many>},
    {128, sizeof(Place), call<Place, place>},
    {128, sizeof(Attend), call<Attend, attend>},
    {32, sizeof(Merge), call<Merge, merge>},
    {256, sizeof(Best), call<Best, best>},
};

}  // namespace

// Runs a grid; 0 where all went well, 1 where the kernel's threads wait for each other for
// ever, 2 where the arguments are of another size. `downwards` reverses blocks and threads.
extern "C" int run_grid(u32 kernel, u32 x, u32 y, const void* args, u64 bytes, int downwards) {
    const Entry& entry = KERNELS[kernel];
    if (bytes != entry.args_bytes) return 2;
    if (!fibers::block) fibers::block = fibers::make();
    fibers::block->run = entry.run;
    fibers::block->args = args;
    for (u32 i = 0; i < x * y; i++) {
        u32 at = downwards ? x * y - 1 - i : i;
        if (!fibers::run_block(entry.threads, at % x, at / x, downwards)) return 1;
    }
    return 0;
}

// Memory that ends where no page follows, so that reading or writing past it is a fault.
extern "C" void* guarded(u64 bytes) {
    u64 page = sysconf(_SC_PAGESIZE), whole = (bytes + page - 1) / page * page;
    u8* at = static_cast<u8*>(
        mmap(nullptr, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (at == MAP_FAILED) return nullptr;
    mprotect(at + whole, page, PROT_NONE);
    return at + whole - (bytes + 15) / 16 * 16;
}

extern "C" void give_back(void* at, u64 bytes) {
    u64 page = sysconf(_SC_PAGESIZE), whole = (bytes + page - 1) / page * page;
    munmap(static_cast<u8*>(at) + (bytes + 15) / 16 * 16 - whole, whole + page);
}
