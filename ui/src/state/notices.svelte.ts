// Short messages that pass by themselves, with at most one action.

export type Notice = { id: number; text: string; action?: { label: string; run: () => void } };

const SHOWN_MS = 6000;
const SHOWN_MAX = 3;

class Notices {
  list = $state.raw<readonly Notice[]>([]);
  #next = 1;

  show(text: string, action?: Notice['action']) {
    const notice: Notice = { id: this.#next++, text, action };
    this.list = [...this.list, notice].slice(-SHOWN_MAX);
    setTimeout(() => this.dismiss(notice.id), SHOWN_MS);
  }

  dismiss(id: number) {
    this.list = this.list.filter((notice) => notice.id !== id);
  }
}

export const notices = new Notices();
