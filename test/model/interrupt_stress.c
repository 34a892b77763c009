// SPDX-License-Identifier: BSD-2-Clause
/*
 * No interrupt is lost between a device and a guest, whoever does what meanwhile. Usage:
 * interrupt_stress REQUESTS. Three virtio devices on a PCI bus, two with MSI-X, one with its line;
 * for each a driver in a thread of its own, which asks for something and sleeps until the
 * interrupt; two vCPUs with timers that take interrupts; an event thread, in which half of the
 * answers come; and one that masks and unmasks vectors and moves interrupts from vCPU to vCPU. A
 * driver that sleeps for STUCK_S has lost its interrupt.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "device/virtio/virtio_pci.h"
#include "device/virtio/virtio_rng.h"
#include "lib/check.h"
#include "link/map.h"
#include "test/fake/virtio_pci_driver.h"
#include "vmm/pci_host.h"

enum { DEVICES = 3, VCPUS = 2, LIST_REGISTERS = 2, STUCK_S = 20 };
/* How each device's interrupts are held back for a while; nothing else would let them go again. */
enum { BY_VECTOR, BY_FUNCTION, BY_LINE };
enum { MSI = GIC_SPI_BASE + MAP_MSI_SPI, DOORBELL = MAP_GICD_BASE + GIC_V3_SETSPI_NSR };
enum { TIMER = 27, SGI_BASE = 0x10000 };
enum { IROUTER = 0x6000, ISENABLER = 0x100, ICFGR = 0xc00, MUTEXES = 32 };

static struct {
    struct bus bus;
    struct gic gic;
    struct pci_host host;
    struct timer {
        bool fired; /* and its interrupt has not ended yet */
        unsigned long ticks;
    } timer[VCPUS];                             /* its vCPU's thread alone */
    _Atomic uint16_t lr[VCPUS][LIST_REGISTERS]; /* INTID; 0: empty */
    sem_t kicked[VCPUS], asked, arrived[DEVICES], mutex[MUTEXES];
    struct device {
        struct virtio_rng rng;
        struct virtio_pci transport;
        struct fake_driver driver;
        struct virtio_pci_driver registers;
        unsigned intid;
        unsigned long requests, draws, later;
    } device[DEVICES];
    unsigned long requests;
    atomic_bool stop, failed;
} t;

_Noreturn void check_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, condition);
    abort();
}

static void sleep_on(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0) {
        CHECK(errno == EINTR);
    }
}

void mutex_block(uint32_t id)
{
    sleep_on(&t.mutex[id]);
}

void mutex_unblock(uint32_t id)
{
    sem_post(&t.mutex[id]);
}

/* ---- the kernel's part of the GIC, and vCPUs ---------------------------------------------------
 */

static void inject(void *ctx, unsigned vcpu, unsigned lr, unsigned intid, unsigned priority,
                   unsigned group)
{
    (void)ctx, (void)priority, (void)group;
    CHECK(atomic_exchange(&t.lr[vcpu][lr], (uint16_t)intid) == 0);
}

static void kick(void *ctx, unsigned vcpu)
{
    (void)ctx;
    sem_post(&t.kicked[vcpu]);
}

static void ended(void *ctx, unsigned vcpu, unsigned intid)
{
    (void)ctx;
    CHECK(intid == TIMER && t.timer[vcpu].fired);
    t.timer[vcpu].fired = false;
}

static const struct gic_port port = {.inject = inject, .kick = kick, .ended = ended};

/* The guest's handler: by line, the device is asked why, which lowers the line. */
static void handle(unsigned intid)
{
    for (unsigned i = 0; i < DEVICES; i++) {
        struct device *device = &t.device[i];
        if (intid != device->intid) {
            continue;
        }
        if (i != BY_LINE || fake_memory_read(&t.host.pci, device->registers.isr, 1) != 0) {
            sem_post(&t.arrived[i]);
        }
    }
}

static void serve(unsigned vcpu)
{
    for (unsigned lr = 0; lr < LIST_REGISTERS; lr++) {
        unsigned intid = t.lr[vcpu][lr];
        if (intid != 0) {
            handle(intid);
            t.lr[vcpu][lr] = 0;
            unsigned forwarded = gic_maintenance(&t.gic, &t.gic.vcpu[vcpu], lr);
            if (forwarded != 0) {
                ended(NULL, vcpu, forwarded);
            }
        }
    }
}

/* Its timer fires each time that it is kicked, unless the guest has not ended that yet. */
static void *vcpu_thread(void *arg)
{
    unsigned vcpu = (unsigned)(uintptr_t)arg;
    struct timer *timer = &t.timer[vcpu];
    while (!t.stop) {
        sleep_on(&t.kicked[vcpu]);
        if (!timer->fired) {
            timer->fired = true;
            timer->ticks++;
            gic_raise_own(&t.gic, &t.gic.vcpu[vcpu], TIMER);
        }
        serve(vcpu);
    }
    return NULL;
}

/* ---- the devices' source, and the event thread -------------------------------------------------
 */

/* Under the device's lock: now, or later. */
static size_t draw(void *ctx, uint8_t *bytes, size_t count)
{
    struct device *device = ctx;
    if (device->draws++ % 3 ==
        0) { /* so the next one answers this request, and one more the next */
        device->later++;
        sem_post(&t.asked);
        return 0;
    }
    memset(bytes, 0x5a, count);
    return count;
}

static void defer(void *ctx)
{
    (void)ctx;
}

static void *event_thread(void *arg)
{
    (void)arg;
    while (!t.stop) {
        sleep_on(&t.asked);
        for (unsigned i = 0; i < DEVICES; i++) {
            virtio_rng_ready(&t.device[i].rng);
        }
    }
    return NULL;
}

/* ---- the guest ---------------------------------------------------------------------------------
 */

static void dist_write(unsigned offset, unsigned width, uint64_t value)
{
    struct access a = {
        .offset = offset, .value = value, .width_bytes = (uint8_t)width, .is_write = true};
    CHECK(gic_dist_access(&t.gic, &a) == OUTCOME_DONE);
}

static bool wait_for_interrupt(unsigned i)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STUCK_S;
    while (sem_timedwait(&t.arrived[i], &until) != 0) {
        if (errno == ETIMEDOUT) {
            return false;
        }
    }
    return true;
}

static bool request(unsigned i, uint64_t buffer_address)
{
    struct device *device = &t.device[i];
    const struct fake_buffer buffer = {buffer_address, 8, true};
    uint16_t id;
    uint32_t written;
    CHECK(driver_add(&device->driver, 0, &buffer, 1) != FAKE_NO_ID);
    fake_memory_write(&t.host.pci, device->registers.notify, 2, 0);
    do {
        if (!wait_for_interrupt(i)) {
            fprintf(stderr, "device %u: no interrupt after request %lu\n", i, device->requests);
            return false;
        }
    } while (!driver_take(&device->driver, 0, &id, &written)); /* one may be an older one's */
    device->requests++;
    return true;
}

static void *driver_thread(void *arg)
{
    unsigned i = (unsigned)(uintptr_t)arg;
    uint64_t buffer = driver_alloc(&t.device[i].driver, 8, 1);
    while (!t.failed && t.device[i].requests < t.requests) {
        if (!request(i, buffer)) {
            t.failed = true;
        }
    }
    return NULL;
}

static void hold_back(unsigned turn, bool hold)
{
    struct pci *pci = &t.host.pci;
    const struct virtio_pci_driver *device = &t.device[turn % DEVICES].registers;
    switch (turn % DEVICES) {
    case BY_VECTOR:
        fake_memory_write(pci, fake_msix_table(pci, device->place) + 16 + 12, 4, hold);
        break;
    case BY_FUNCTION:
        fake_msix_control(pci, device->place, FAKE_MSIX_ENABLE | (hold ? FAKE_MSIX_MASK : 0));
        break;
    default:
        fake_config_write(pci, device->place, 4, 2, hold ? 0x406 : 6);
        break;
    }
}

/* Masks and unmasks, and moves interrupts and a BAR that nobody uses about. */
static void *nuisance_thread(void *arg)
{
    (void)arg;
    for (unsigned turn = 0; !t.stop; turn++) {
        hold_back(turn, true);
        dist_write(IROUTER + 8 * t.device[turn % DEVICES].intid, 8, turn / 5 % 2);
        fake_set_bar(&t.host.pci, t.device[BY_LINE].registers.place, 1, turn << 12);
        hold_back(turn, false);
        nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
    }
    return NULL;
}

/* ---- putting it together -----------------------------------------------------------------------
 */

static void build_device(unsigned i)
{
    static struct virtio_rng_port source[DEVICES];
    static const struct virtio_port no_port = {.defer = defer};
    struct device *device = &t.device[i];
    source[i] = (struct virtio_rng_port){draw, device};
    driver_init(&device->driver);
    virtio_rng_init(&device->rng, &source[i], &device->driver.ram, &no_port, VCPU_MAX + 2 + i);
    device->driver.device = &device->rng.device;
    virtio_pci_init(&device->transport, &device->rng.device, &t.host.pci, 1 + i);
}

static void start_device(unsigned i)
{
    struct device *device = &t.device[i];
    unsigned place = 1 + i;
    virtio_pci_find(&device->registers, &t.host.pci, place);
    device->intid = GIC_SPI_BASE + MAP_PCI_SPI + place % 4;
    if (i != BY_LINE) {
        device->intid = MSI + i;
        fake_msix_set(&t.host.pci, place, 1, DOORBELL, device->intid, false);
        fake_msix_control(&t.host.pci, place, FAKE_MSIX_ENABLE);
        dist_write(ICFGR + 4 * (MSI / 16), 4, ~0u);
    }
    dist_write(ISENABLER + 4 * (device->intid / 32), 4, 1u << device->intid % 32);
    CHECK(virtio_pci_set_up(&device->registers, &device->driver, 0));
    virtio_pci_set_queue(&device->registers, 0, VP_QUEUE_VECTOR, 2, 1);
    virtio_pci_go(&device->registers);
}

static void build(void)
{
    for (unsigned i = 0; i < MUTEXES; i++) {
        sem_init(&t.mutex[i], 0, 0);
    }
    sem_init(&t.asked, 0, 0);
    for (unsigned i = 0; i < VCPUS; i++) {
        sem_init(&t.kicked[i], 0, 0);
    }
    for (unsigned i = 0; i < DEVICES; i++) {
        sem_init(&t.arrived[i], 0, 0);
    }
    gic_init(&t.gic, GIC_V3, VCPUS, GIC_SPI_MAX, LIST_REGISTERS, &port);
    gic_vcpu_set_online(&t.gic, 1, true);
    gic_set_forwarded(&t.gic, TIMER);
    for (unsigned i = 0; i < VCPUS; i++) {
        struct access a = {.offset = i * GIC_V3_REDIST_SIZE + SGI_BASE + ISENABLER,
                           .value = 1u << TIMER,
                           .width_bytes = 4,
                           .is_write = true};
        CHECK(gic_redist_access(&t.gic, &a) == OUTCOME_DONE);
    }
    dist_write(0, 4, 3);
    pci_host_init(&t.host, GIC_V3, &t.gic, &t.bus, VCPU_MAX + 1);
    for (unsigned i = 0; i < DEVICES; i++) {
        build_device(i);
    }
    fake_assign_all(&t.host.pci, MAP_PCI_MMIO_BASE);
    for (unsigned i = 0; i < DEVICES; i++) {
        start_device(i);
    }
}

int main(int argc, char **argv)
{
    pthread_t vcpu[VCPUS], driver[DEVICES], event, nuisance;
    t.requests = argc > 1 ? strtoul(argv[1], NULL, 0) : 100000;
    build();
    pthread_create(&event, NULL, event_thread, NULL);
    pthread_create(&nuisance, NULL, nuisance_thread, NULL);
    for (uintptr_t i = 0; i < VCPUS; i++) {
        pthread_create(&vcpu[i], NULL, vcpu_thread, (void *)i);
    }
    for (uintptr_t i = 0; i < DEVICES; i++) {
        pthread_create(&driver[i], NULL, driver_thread, (void *)i);
    }
    for (unsigned i = 0; i < DEVICES; i++) {
        pthread_join(driver[i], NULL);
    }
    t.stop = true;
    for (unsigned i = 0; i < VCPUS; i++) {
        sem_post(&t.kicked[i]);
        pthread_join(vcpu[i], NULL);
    }
    sem_post(&t.asked);
    pthread_join(event, NULL);
    pthread_join(nuisance, NULL);
    for (unsigned i = 0; i < VCPUS; i++) {
        serve(i); /* what came after the last look, and then what that let go */
        serve(i);
        CHECK(t.timer[i].ticks != 0 && !t.timer[i].fired);
    }
    unsigned long later = 0;
    for (unsigned i = 0; i < DEVICES; i++) {
        later += t.device[i].later;
        driver_fini(&t.device[i].driver);
    }
    printf(
        "%s    interrupt_stress: %lu requests of each of %u devices, %lu of them answered later\n",
        t.failed ? "FAIL" : "ok", t.requests, (unsigned)DEVICES, later);
    return t.failed;
}
